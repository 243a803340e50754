/*
 * Verdicts: whether an app would work in a view, going by the view's own loader and by checks of
 * pinlib. Every change reaches one before the view becomes active, and `pinlib check` reaches it
 * again.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "proof/proof.h"

#include <stdbool.h>
#include <stddef.h>

struct verdict {
	struct strings against; /* reasons why the app would not work; none: the view holds */
	struct strings remarks; /* warnings */
	struct strings effects; /* pins that have, or may have, no effect (view/effect.h) */
	struct proof proof;	/* all that the loader printed; empty if it could not run */
};

/* Reaches the verdict on a view that is built, but need not be active. pinned are the versions that
 * the app's pins mean; sysroot is the view. store, which may be NULL, is searched for suppliers of
 * what is missing. The view of an app without pins holds, and so does that of a program without a
 * loader. A loader that cannot run is a reason against the view, not an error. Mounts: root only. */
int verdict_reach(struct store *store, const struct app *app, const struct versions *pinned,
		  const struct sysroot *sysroot, struct verdict *out, struct err *err);
/* The same for the view of the app's current plan. brief: only the reasons against it, for a third of
 * the time. -ENOENT: there is no plan. */
int verdict_reach_current(struct store *store, const struct app *app, bool brief,
			  struct verdict *out, struct err *err);
void verdict_free(struct verdict *verdict);
#define AUTO_VERDICT CLEANUP(verdict_free)
