/*
 * Outlooks: for the pins of each app and each source package, whether the app would work with the live system's version, with
 * the newest of the same upstream, and with the newest of all.
 */
#pragma once

#include "base/err.h"
#include "renewal/trial.h"
#include "renewal/unison.h"

#include <stdbool.h>
#include <stddef.h>

enum { OUTLOOK_LIVE, OUTLOOK_FIXED, OUTLOOK_NEWEST, OUTLOOKS };

struct outlook {
	const struct unison *unison;
	bool live_same; /* the live system has the pinned versions */
	const struct unison_set
		*sets[OUTLOOKS]; /* NULL: there is none; that of OUTLOOK_LIVE always is NULL */
	struct renewal_trial *trials[OUTLOOKS]; /* NULL: there is nothing to prove */
};

struct outlooks {
	struct outlook *items; /* by app, in the order of apps */
	size_t count;
	struct unisons *unisons; /* of each app */
	size_t napps;
	struct renewal_trial *trials;
	struct trial_move *moves;
	size_t ntrials;
	struct stock stock;
};

/* What could be; nothing is proven. They point into apps and renewals. The caller frees *out, also after an error. */
int outlooks_find(const struct apps *apps, const struct renewals *renewals, struct outlooks *out,
		  struct err *err);

/* Makes the trials. Downloads what the store lacks to the store into, unless that is NULL. */
int outlooks_prove(struct outlooks *outlooks, struct store *store, struct store *into,
		   struct err *err);
void outlooks_free(struct outlooks *outlooks);
#define AUTO_OUTLOOKS CLEANUP(outlooks_free)
