/* Pins for the packages that pinned packages depend on: modules, data and interpreters' libraries, which no
 * loader names. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"

/* Adds pins of origin PIN_WITH_DEPS for the packages that those pinned by hand depend on, from the same origin
 * (dpkg/requirements.h): an archive of apt, or the directory of a .deb file. Versions that the store
 * does not have are added to it first. Other pins of the app stay; an older one of origin
 * PIN_WITH_DEPS gives way. report gets sentences about versions that were added, replaced or not found. Call it
 * between policy_begin and policy_commit. */
int depends_add(struct policy *policy, struct store *store, const char *app, report_fn *report,
		void *ctx, struct err *err);
