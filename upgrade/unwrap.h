/*
 * Stepping aside: before packages are unpacked, those programs are unwrapped that dpkg could not
 * bring behind the wrapper:
 *
 *	Its package's new version has it as a directory, a link or setuid. (dpkg unpacks a directory
 *	at the diversion's place and its files below the path, where our link is: it fails half-way.)
 *
 *	A new package's preinst diverts its path: dpkg knows one diversion of a path, the preinst
 *	would fail, and so would its undoing. Told by dpkg-divert and the path in the script's text.
 *
 * Their pins stay in the policy; upgrade/refresh.h wraps them again where that is possible.
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "upgrade/keep.h"

struct unwrap {
	char *app;
	const char *archive; /* the changes' */
	const char *why;     /* "diverts its path" */
};

struct unwraps {
	struct unwrap *items;
	size_t count;
};
void unwraps_free(struct unwraps *aside);
#define AUTO_UNWRAPS CLEANUP(unwraps_free)

/* Who has to be unwrapped before changes, which have to live as long as *out. Changes nothing, and
 * holds nobody up. An archive that cannot be read is for dpkg to complain of. */
int unwrap_find(struct policy *policy, const struct changes *changes, struct unwraps *out,
		struct err *err);

/* Unwraps them, and tells of each. Under policy_lock. */
int unwrap_apply(const struct unwraps *aside, report_fn *report, void *ctx, struct err *err);
