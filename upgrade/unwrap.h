/*
 * Unwrapping before an upgrade: dpkg could not bring these programs behind the stub, so they are
 * unwrapped before packages are unpacked:
 *
 *	The new version of the package has the path as a directory, a link or setuid. (dpkg unpacks
 *	a directory at the diversion's target and its files below the path, where the stub is, and
 *	fails half-way.) Where a pinned version supplies the program, only a directory is in the way.
 *
 *	The preinst of a new package diverts the path. dpkg allows one diversion per path, so the
 *	preinst would fail, and so would undoing it. Recognised by dpkg-divert and the path in the
 *	script's text.
 *
 * Their pins stay in the policy; upgrade/refresh.h wraps the programs again where it can.
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "upgrade/changes.h"

#include <stddef.h>

struct unwrap {
	char *app;
	const char *archive; /* it belongs to the changes */
	const char *why;     /* "diverts its path" */
};

struct unwraps {
	struct unwrap *items;
	size_t count;
};
void unwraps_free(struct unwraps *unwraps);
#define AUTO_UNWRAPS CLEANUP(unwraps_free)

/* Finds the programs that have to be unwrapped before changes, which has to live as long as *out.
 * Changes nothing and takes no lock. An archive that cannot be read is left for dpkg to report. */
int unwrap_find(struct policy *policy, const struct changes *changes, struct unwraps *out,
		struct err *err);

/* Unwraps them; report gets a sentence for each. Under policy_lock. */
int unwrap_apply(const struct unwraps *unwraps, report_fn *report, void *ctx, struct err *err);
