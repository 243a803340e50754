/*
 * Covering directories: what a view is made of. The one piece of code by which the wrapper, the proof
 * before a pin, `try` and the services of systemd get the same mounts.
 *
 * An overlay over a directory hides what is mounted below it, so that is shown again on top of the
 * overlay. A mount below a covered directory can be any user's (fusermount3(1)), and the names that
 * lead to it can be changed by that user at any instant. So a name below a covered directory is only ever looked up
 * from a descriptor of that directory, in its own mount, without following a link; and what is mounted
 * is mounted by descriptors, on a place that the same walk found in the overlay itself:
 *
 *	live/dir  --openat2(base)-->  the mount's root   --open_tree-->  a copy
 *	over/dir  --openat2(base)-->  a place in the overlay  <--move_mount--
 *
 * A mount that this does not find is left out: nothing that somebody else than root mounts, moves
 * or unmounts keeps anybody's view from being made, nor lands anywhere but at its own path.
 *
 * CAP_SYS_ADMIN is effective in all of this. Allocates nothing; not reentrant.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct cover {
	const char *target; /* a canonical directory of the live system */
	const char *layer;  /* the directory whose files lie over it, subdirectories included */
};

#define COVERS_MAX 65

/* Lays an overlay over each target, in order (base/overlay.h says how), and shows again what is
 * mounted below. No target lies below another. Where the caller is root of the machine, each must be
 * path_is_fixed_dir (base/trust.h): the kernel resolves its name more than once. What was done when it fails
 * stays: the caller's mount namespace has to be thrown away. Where anything is mounted below, two
 * descriptors for each target and four more are open at once. -EPERM too where the kernel's answers
 * contradict what was done (a system-call filter). */
int covers_lay(const struct cover *covers, size_t n, const char *label, struct err *err);
