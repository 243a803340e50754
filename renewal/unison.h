/*
 * Unison: the pins of one app that were built from one source package, and that only change together. Libraries of one source
 * (libicu; krb5's six) may rely on each other's private symbols and data, which no version of a symbol guards.
 *
 * The source is that of provenance; the architecture does not matter, so the amd64 and the i386 package move together. A
 * set of versions comes from one version of the source: a binNMU (+b1) has the source version of the build before it.
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "renewal/renewal.h"

#include <stdbool.h>
#include <stddef.h>

/* For each pin the version to which it moves. */
struct unison_set {
	const char *source, *source_version;
	bool same_upstream;		     /* each of them, as the pinned one */
	const struct renewal_candidate **of; /* in the order of the pins */
};

struct unison {
	const struct app *app;
	const char *source;
	const struct pin **pins;	 /* in the order of the app's */
	const struct renewal **renewals; /* of the pins */
	size_t count;			 /* of both */
	bool mixed;			 /* the pins are of different versions of the source */
	struct unison_set
		*sets; /* that every origin has whole, newer than the pins; newest first */
	size_t nsets;
	char *held; /* a sentence: why the newest version of the source is no set, or why there is none; NULL */
};

struct unisons {
	struct unison *items; /* in the order of their first pins */
	size_t count;
};

/* They point into app and renewals. The caller frees *out, also after an error. */
int unisons_find(const struct app *app, const struct renewals *renewals, struct unisons *out,
		 struct err *err);
void unisons_free(struct unisons *unisons);
#define AUTO_UNISONS CLEANUP(unisons_free)

/* The newest set, or the newest of the same upstream; NULL: there is none. */
const struct unison_set *unison_newest(const struct unison *unison, bool same_upstream);
/* Whether a pin has this name. */
bool unison_has(const struct unison *unison, const char *name);
