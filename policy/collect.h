/* Garbage collection: what no pin, no generation kept and no live view needs goes. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"

struct collected {
	struct gc_result store;
	size_t layers;
	size_t held; /* layers that stay for now: a launch is under way that may still need them */
	size_t generations;
};

/* Between policy_begin and policy_commit, which this calls. also: versions that stay whoever needs
 * them. keep: how many generations, the
 * current one included, 0 for all. The generations of live views and all later ones are kept
 * whatever keep says. With dry_run nothing changes. -EBADMSG: a plan is there of a program that the
 * policy does not know; then nothing goes. */
int collect(struct policy *policy, struct store *store, const struct digests *also, int64_t keep,
	    bool dry_run, report_fn *report, void *ctx, struct collected *out, struct err *err);
