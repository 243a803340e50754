/*
 * Activation: a change of the policy is committed, and the system is brought to agree with it.
 *
 *	prepare		the state that can fail: layers, plans, the originals' second names. Each view
 *			is proven by its own loader (view/verdict.h).
 *	commit		one rename: the policy.
 *	publish		renames: each plan, each wrapped path.
 *
 * The apps are on the pending list meanwhile (change/pending.h). After a failure the old policy is
 * in force again, and the apps are as they were.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "store/store.h"

struct activation_options {
	bool force;	   /* a view that does not hold is published all the same */
	report_fn *report; /* gets each remark and each reason against a view, except for the reason
			      in err; NULL: nobody */
	void *ctx;
	const char **failed; /* gets the one of paths that could not be prepared; or NULL */
	bool *lacks_library; /* becomes true if a view does not hold for want of a library; or NULL */
};

/* Commits what was changed in policy since policy_begin, and activates it for the apps at paths.
 * -ECANCELED: the view of an app does not hold. With force the app is recorded as forced instead;
 * an app that comes back from an earlier generation as forced stays forced. -EBUSY: pinlib's own
 * upgrade is half done (PINLIB_UPGRADING); until it is finished programs can only be unwrapped.
 * options may be NULL. */
int activation_run(struct policy *policy, struct store *store, const struct strings *paths,
		   const char *command, const struct activation_options *options,
		   int64_t *generation, struct err *err);
