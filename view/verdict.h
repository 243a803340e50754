/*
 * Whether an app would work in a view: what the view's own loader says of it, and what pinlib
 * knows besides. Decided before a view becomes active, and again by `pinlib check`.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "view/proof.h"

#include <stddef.h>

struct verdict {
	struct strings against; /* why the app would not work; none: the view holds */
	struct strings remarks; /* what is worth knowing all the same */
	struct proof proof;	/* all that the loader said; empty if it could not be asked */
};

/* pinned is what app's pins mean (app_versions); store, which may be NULL, is asked who else could
 * supply what is missing. sysroot is the app's view, built; it need not be in force. An app without
 * pins, and one that no loader loads, hold. That the loader could not be asked is a reason against,
 * not an error of this function. Mounts: root only. */
int verdict_reach(struct store *store, const struct app *app, const struct versions *pinned,
		  const struct sysroot *sysroot, struct verdict *out, struct err *err);
/* The same for the view that is in force. -ENOENT: there is no plan. */
int verdict_in_force(struct store *store, const struct app *app, struct verdict *out,
		     struct err *err);
void verdict_free(struct verdict *verdict);
#define AUTO_VERDICT CLEANUP(verdict_free)

/* What a plan shows. It lives as long as plan and program do; program is the app's own file
 * (wrap_program). */
struct sysroot view_sysroot(const struct plan *plan, const char *program);
