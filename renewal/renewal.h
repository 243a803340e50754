/*
 * Renewals: the versions that could replace pinned ones. Only reads; asks dpkg once, and apt once for each place that versions
 * came from (an APT_CONFIG and a suite).
 *
 * Two versions have the same upstream if they differ only in the Debian revision, the part behind the last '-', and in the
 * epoch (deb-version(7)): 1:1.2.11.dfsg-2+deb11u3 is the same upstream as 1:1.2.11.dfsg-2+deb11u2, with fixes.
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "provenance/provenance.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct renewal {
	struct digest digest; /* of the pinned version */
	char *name, *version, *arch;
	struct provenance provenance;
	char *live; /* version of the installed package that the pin means (upgrade/siblings.h); NULL: none */
	char *fixed; /* the newest version of the same upstream that the origin has now, if newer than the pinned one; NULL */
	char *newest; /* the newest version of any upstream that the origin has now, if newer; NULL */
	char *unknown; /* a sentence: why the origin could not be asked, or does not know the package; NULL: it answered */
};

struct renewals {
	struct renewal *items; /* sorted by digest; each pinned version once */
	size_t count;
};

void renewals_free(struct renewals *renewals);
#define AUTO_RENEWALS CLEANUP(renewals_free)

int renewals_find(struct store *store, const struct apps *apps, struct renewals *out,
		  struct err *err);
/* NULL: no app has that version pinned. */
const struct renewal *renewals_get(const struct renewals *renewals, const struct digest *digest);
