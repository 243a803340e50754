/*
 * Renewals: the versions that could replace pinned ones. Only reads; asks dpkg once, and apt once for each place that versions
 * came from (an APT_CONFIG and a suite; with a suite twice).
 *
 * The place of a version is what `pinlib add` kept (store/origin.h): the APT_CONFIG of that time, or the machine's own
 * sources, and the suite of "apt:PACKAGE/SUITE". The APT_CONFIG of the environment does not count, and is removed from it.
 * An installed package's files (dpkg:) and a .deb file have a package's name, and the same place is asked for it.
 *
 * A place has all versions that are in its lists, whatever the priorities of apt_preferences(5): with a suite only those in
 * this suite, its -security and its -updates. A backport (~bpo) counts only for a pinned backport.
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "provenance/provenance.h"
#include "renewal/place.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* A version that the origin has now, and that is not older than the pinned one. */
struct renewal_candidate {
	char *version, *arch;	       /* arch: of the package, "all" too */
	char *source, *source_version; /* that it was built from */
	bool same_upstream;	       /* as the pinned version (renewal/upstream.h) */
};

struct renewal {
	struct digest digest; /* of the pinned version */
	char *name, *version, *arch;
	struct provenance
		provenance; /* where it is guessed, the source is that of the package of this name, if one is known */
	bool source_known,
		source_version_known; /* false: they were guessed from name and version */
	char *live; /* version of the installed package that the pin means (upgrade/siblings.h); NULL: none */
	const char *
		fixed; /* the newest version of the same upstream that the origin has now, if newer than the pinned one; NULL */
	const char *
		newest; /* the newest version of any upstream that the origin has now, if newer; NULL */
	char *unknown; /* a sentence: why the origin could not be asked, or does not know the package; NULL: it answered */
	char *note; /* a sentence about the package: its source has another name now; NULL */
	const struct renewal_place *place;    /* that was asked; NULL: the origin has none */
	struct renewal_candidate *candidates; /* newest first */
	size_t ncandidates;
};

struct renewals {
	struct renewal *items; /* sorted by digest; each pinned version once */
	size_t count;
	struct renewal_places places;
};

void renewals_free(struct renewals *renewals);
#define AUTO_RENEWALS CLEANUP(renewals_free)

/* A place that cannot be asked is no error. The caller frees *out, also after an error. */
int renewals_find(struct store *store, const struct apps *apps, struct renewals *out,
		  struct err *err);
/* NULL: no app has that version pinned. */
const struct renewal *renewals_get(const struct renewals *renewals, const struct digest *digest);
