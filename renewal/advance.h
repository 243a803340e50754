/*
 * Advances: the moves of pins to newer versions, as far as the loader accepts them. Pins of one source package move together
 * (renewal/unison.h). Of each source the newest set is tried first, and an older one where the loader refuses that.
 */
#pragma once

#include "base/err.h"
#include "renewal/trial.h"
#include "renewal/unison.h"

#include <stdbool.h>
#include <stddef.h>

struct advance_refusal {
	const struct unison_set *set;
	enum trial_result result; /* TRIAL_FAILS, or TRIAL_NONE where it could not be tried */
	bool lacks_library;
	char *why;
};

struct advance {
	const struct unison *unison;	  /* with at least one set to try */
	const struct unison_set *set;	  /* to which its pins can move; NULL: they stay */
	struct advance_refusal *refusals; /* the newer sets; newest first */
	size_t nrefusals;
};

struct advances {
	struct advance *items; /* those of an app follow each other */
	size_t count;
	struct unisons *unisons; /* of each app, also those that do not advance */
	size_t napps;
	bool same_upstream;
	struct stock stock;
};

/* Finds the unisons that have a set to try. names: only those with a pin of such a name; NULL: all. same_upstream: only sets
 * of the same upstream. They point into apps and renewals. The caller frees *out, also after an error. */
int advances_find(const struct apps *apps, const struct renewals *renewals,
		  const struct strings *names, bool same_upstream, struct advances *out,
		  struct err *err);

/* Chooses the sets, by trials. Versions that store does not have are downloaded to into. */
int advances_prove(struct advances *advances, struct store *store, struct store *into,
		   struct err *err);

/* Moves the pins of an app. Each keeps its origin and place. Changes the policy between policy_begin and policy_commit; the
 * versions are in the policy's store. */
int advances_pin(const struct advances *advances, const struct app *app, struct policy *policy,
		 struct err *err);

/* Whether pins of the app move. */
bool advances_has(const struct advances *advances, const struct app *app);
void advances_free(struct advances *advances);
#define AUTO_ADVANCES CLEANUP(advances_free)
