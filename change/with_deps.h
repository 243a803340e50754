/* Libraries that a view misses: pins for them, from the store or from the origins of the pinned
 * versions. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "proof/proof.h"
#include "store/store.h"

/* Adds pins of origin PIN_WITH_DEPS to app until its view holds or no candidate helps. A candidate
 * helps if with it the view's loader no longer misses what it missed. The app's pins stay. Versions
 * that the store does not have are added to it first. report gets a sentence for each new pin. A
 * view that does not hold in the end is no error here; the activation says why. Changes the policy
 * between policy_begin and policy_commit. */
int with_deps_add(struct policy *policy, struct store *store, const char *app, report_fn *report,
		  void *ctx, struct err *err);
