/*
 * Doctor: whether the machine gives pinlib what it needs, and whether the state that pinlib keeps
 * is whole. The checks change nothing, and go on where something is broken; each reports its
 * findings, and the command that helps.
 */
#pragma once

#include "base/err.h"
#include "doctor/finding.h"
#include "policy/policy.h"
#include "seal/home.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Runs the checks with these names, or all of them if there are none, in a fixed order; each
 * reports one finding at least. Of a user's own home only those that are about homes run. As root and under policy_lock, if there is a lock to be had
 * (policy_lock makes PINLIB_STATE, so not where that is missing). Returns the number of faults. */
int doctor_examine(const struct home *home, char *const *names, size_t n, finding_fn *report,
		   void *ctx);

/* The name of a check, in that order; NULL after the last. */
const char *doctor_check(size_t i);
/* Whether there is a check of this name. */
bool doctor_has_check(const char *name);

/* Repairs what the policy and the store allow: damaged layers, plans and stubs, missing
 * diversions, and all that refresh_apps repairs. report gets a sentence for each app that was not
 * as the policy says. policy is opened by policy_open, under policy_lock. Returns how many apps
 * need attention, or a negative error. */
int doctor_repair(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		  struct err *err);
/* The same for the sets of the home's recorded files (seal/record.h). */
int doctor_repair_sealed(const struct home *home, struct store *store, report_fn *report, void *ctx,
			 struct err *err);
