/* Recovery: finishes the change that an interrupted command left half-done. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"

/* Brings the apps on the pending list to the state that the committed policy has for them, and
 * takes them off the list. Apps that cannot be brought there stay on it, and the first reason is
 * returned: it is worth a warning, and no reason to stop. */
int recovery_run(struct policy *policy, struct store *store, struct err *err);
