/* Garbage collection: removes versions and layers that no pin, no kept generation and no live view needs. */
#pragma once

#include "base/err.h"
#include "change/sets_used.h"
#include "labeler/live.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>

struct garbage {
	struct gc_result store;
	size_t layers;
	size_t held; /* layers that stay for now, since a launch under way may still need them */
	size_t generations;
	struct live
		live; /* the processes in a view, those starting one, and those that are silent */
	bool *holds;  /* of each label in live: it alone keeps a layer or a generation */
	struct sets_used
		sets; /* that only running processes keep, with the versions of their libraries */
};
void garbage_free(struct garbage *garbage);
#define AUTO_GARBAGE CLEANUP(garbage_free)

/* Between policy_begin and policy_commit, which this calls. also: versions that stay although
 * nobody needs them. keep: how many generations stay, the current one included; 0: all. Whatever
 * keep says, the generations of live views and all later ones stay, except those that only a silent
 * process claims. With dry_run nothing changes. Takes at most three rounds of SURVEY_MS longer than
 * the removal alone. -EBADMSG: there is a plan of a program that the policy does not know; then
 * nothing is removed. */
int garbage_collect(struct policy *policy, struct store *store, const struct digests *also,
		    int64_t keep, bool dry_run, report_fn *report, void *ctx, struct garbage *out,
		    struct err *err);
