/* Garbage collection: what no pin, no generation kept and no live view needs goes. */
#pragma once

#include "base/err.h"
#include "labeler/live.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>

struct garbage {
	struct gc_result store;
	size_t layers;
	size_t held; /* layers that stay for now: a launch is under way that may still need them */
	size_t generations;
	struct live live; /* who was found to be in a view, to be starting one, or silent */
	bool *holds; /* of each label in live: it keeps a layer or generation that nothing else does */
};
void garbage_free(struct garbage *collected);
#define AUTO_GARBAGE CLEANUP(garbage_free)

/* Between policy_begin and policy_commit, which this calls. also: versions that stay whoever needs
 * them. keep: how many generations, the
 * current one included, 0 for all. The generations of live views and all later ones are kept
 * whatever keep says (but not those that a process claims that does not answer). Takes two rounds of SURVEY_MS longer at
 * most than it would take alone. With dry_run nothing changes. -EBADMSG: a plan is there of a program that the
 * policy does not know; then nothing goes. */
int garbage_collect(struct policy *policy, struct store *store, const struct digests *also,
		    int64_t keep, bool dry_run, report_fn *report, void *ctx, struct garbage *out,
		    struct err *err);
