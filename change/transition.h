/*
 * The transition of one app to the state that the policy has for it: wrapped, with a plan and a
 * layer; sealed, with a plan and a set; or not wrapped.
 *
 * Every step that can fail for want of space or rights, or because the pins do not fit, is part of
 * transition_build and transition_prepare, which no running app notices. transition_publish then is one
 * rename for the plan and one for the stub. Each converges: called again after an interruption,
 * it finishes what was begun.
 */
#pragma once

#include "base/err.h"
#include "host/divert.h"
#include "policy/policy.h"
#include "seal/seal.h"
#include "store/store.h"
#include "view/view.h"

#include <stdbool.h>

struct transition {
	bool wraps; /* false: nothing of pinlib stays at the app's path */
	struct app app;
	struct view_plan plan;
	struct sealed sealed; /* of a sealed app */
};

/* Reads what the policy says of the app at path, and builds its layer and plan. *out is freed with
 * transition_free. -EBUSY: the app is to be wrapped, and pinlib's own upgrade is half done
 * (PINLIB_UPGRADING); or something is mounted on path. */
int transition_build(struct policy *policy, struct store *store, const char *path,
		     struct dpkg_says *says, struct transition **out, struct err *err);

/* The file system as the app will see it; points into t. program is its live program (wrap_program). */
struct sysroot transition_sysroot(const struct transition *t, const char *program);

/* The second name of the original, and dpkg's diversion. */
int transition_prepare(const struct transition *t, struct dpkg_says *says, struct err *err);

int transition_publish(const struct transition *t, const char *path, struct dpkg_says *says,
		       struct err *err);

/* All three at once, whatever state the app is in. A view is not proven; a sealed file is, and what stands at the path
 * stays if the loader refuses the new one (-ECANCELED). */
int transition_run(struct policy *policy, struct store *store, const char *path,
		   struct dpkg_says *says, struct err *err);

void transition_free(struct transition **t);
#define AUTO_TRANSITION CLEANUP(transition_free)
