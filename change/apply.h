/* Applying: the policy comes to agree with a description of the machine. */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/description.h"
#include "policy/policy.h"
#include "store/store.h"

struct apply_options {
	bool exact;   /* an app without a description is unwrapped */
	bool force;   /* apps that policy/caution.h refuses are pinned, as by their 'force' lines */
	bool dry_run; /* nothing is added to the store; an app that needs a new version counts as
			 changed */
	report_fn *report; /* gets a sentence for each version that is added, or would be, and each
			      caution */
	void *ctx;
};

/* Changes the policy between policy_begin and policy_commit; an activation of the paths in activate
 * must follow. These are the changed ones, without those whose reason or date alone changed. An app that already matches its description is not among them, unless its stub is missing. Pins
 * that 'with-deps' brought stay if the description has with-deps, too; all others that are not
 * described go. -ECANCELED: policy/caution.h refuses an app. After a failure the changes in policy must not be
 * committed. */
int apply_to_policy(struct policy *policy, struct store *store, const struct description *d,
		    const struct apply_options *options, struct strings *changed,
		    struct strings *activate, struct err *err);
