/*
 * Freezing: the libraries that an app loads today become pins, so that no upgrade reaches it.
 *
 * The loader itself lists the libraries that the app loads (view/proof.h); those that it was observed
 * to map are added (trace/observation.h). A library comes in as its whole Debian package, with
 * the package's plugins and data. Of a package that brings programs or is essential, and of a file
 * that no package owns, the file alone comes in, at its own path. glibc comes whole or not at all.
 * Pins of another origin stay, and the files that they bring are not frozen again.
 */
#pragma once

#include "base/err.h"
#include "change/frozen.h"
#include "policy/policy.h"
#include "store/store.h"
#include "trace/observation.h"

#include <stdbool.h>

struct freeze_options {
	bool with_libc; /* glibc too; an app frozen with glibc is frozen with it again */
	const struct observation *seen; /* NULL: nothing was observed */
};

/* Pins what the app loads today with PIN_FREEZE; an activation must follow. The libraries that were frozen
 * before are taken again from the live system, or kept where the live system no longer has it.
 * -EINVAL: the app loads no libraries; -ENOENT: none of them can be frozen. */
int freeze_make(struct policy *policy, struct store *store, const char *path,
		const struct freeze_options *options, struct freezing *out, struct err *err);

/* Removes the pins of origin PIN_FREEZE; an app without other pins and without a filter is
 * unwrapped. -ENOENT: the app is not frozen. */
int freeze_thaw(struct policy *policy, const char *path, struct err *err);
