/*
 * Freezing: a program, the libraries that it loads, and its modules and data become pins, so that no upgrade reaches it.
 *
 * The loader itself lists the libraries (proof/proof.h). The others come from dpkg's lists and from the known directories
 * of modules (freeze/work.h); an observed run adds the files that it used (trace/observation.h). A file comes in
 * with its whole Debian package. Of an essential package, and of a file that no package owns, the file alone comes in, at
 * its own path. glibc comes whole or not at all. Pins of another origin stay, and the files that they bring are not frozen
 * again.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "freeze/frozen.h"
#include "policy/policy.h"
#include "store/store.h"
#include "trace/observation.h"

#include <stdbool.h>

struct freeze_options {
	bool with_libc; /* glibc too; an app frozen with glibc is frozen with it again */
	bool libraries; /* the libraries alone: the program, its modules and its data follow upgrades. An app that was
			   frozen with its program is frozen anew, and not again */
	const struct observation *seen; /* of the only app; NULL: nothing was observed */
};

/* Pins the apps as the live system has them today, with PIN_FREEZE; an activation must follow. Frozen versions are
 * taken again from the live system, or kept where the live system no longer has them. dpkg is asked once for all apps,
 * and each package comes into the store once. out is an array, one for each app; the caller frees its items, after an
 * error too. With libraries -EINVAL: an app loads no libraries; -ENOENT: none of them can be frozen. */
int freeze_make(struct policy *policy, struct store *store, const struct strings *apps,
		const struct freeze_options *options, struct freezing *out, struct err *err);

/* Removes the pins of origin PIN_FREEZE; an app without other pins and without a filter is
 * unwrapped. -ENOENT: the app is not frozen. */
int freeze_thaw(struct policy *policy, const char *path, struct err *err);
