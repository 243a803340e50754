/* From a description to the policy: what has to change so that the machine is as described. */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/description.h"
#include "policy/policy.h"
#include "store/store.h"

struct apply_how {
	bool exact;   /* an app that is not described is not to be wrapped either */
	bool dry_run; /* nothing is added to the store: an app that would need it counts as changed
		       */
	elf_facts_fn *facts;
	report_fn *report; /* a sentence for each version that is added, or would be */
	void *ctx;
};

/* Changes the policy between policy_begin and policy_commit; activate for the paths in changed
 * makes it so. An app that is as described already is not among them, unless its wrapper is gone.
 * Pins that 'with-deps' brought stay where the description says so too; all others that are not
 * described go. On failure what was changed in policy is not to be committed. */
int apply(struct policy *policy, struct store *store, const struct description *d,
	  const struct apply_how *how, struct strings *changed, struct err *err);
