/*
 * Covering directories: an overlay of a layer over each directory that a view changes. The wrapper, the proof
 * before a pin, `try` and systemd's services all build their mounts with this module, so they get the same view.
 *
 * An overlay hides the mounts below its directory, so covers_lay mounts copies of them on top of the overlay. Any
 * user can have a mount below a covered directory (fusermount3(1)) and can rename its path at any time. So a name
 * below a covered directory is looked up only from a descriptor of that directory, within its own mount and without
 * following a link; and the copy is attached by descriptors, at the place where the same look-up ends in the overlay:
 *
 *	live/dir  --openat2(base)-->  the mount's root   --open_tree-->  a copy
 *	over/dir  --openat2(base)-->  a place in the overlay  <--move_mount--
 *
 * A mount that this look-up does not find is left out. So no user can keep a view from being built by mounting,
 * moving or unmounting something, and no user's mount appears anywhere but at its own path.
 *
 * Everything here needs CAP_SYS_ADMIN in the effective set. Allocates nothing; not reentrant.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct cover {
	const char *target; /* a canonical directory of the live system */
	const char *layer;  /* the directory that overlays it, with its subdirectories */
};

#define COVERS_MAX 65

/* Covers each target, in order, as cover_mount does, and mounts copies of the mounts below. No target is below
 * another. If the caller is root in the initial user namespace, trust_fixed_dir (base/trust.h) must hold for each
 * target: the kernel resolves its path more than once. After a failure the caller must discard its mount namespace,
 * as nothing is undone. Where mounts exist below a target, two descriptors for each target and four more are open at
 * once. -EPERM also means that the kernel's answers contradict each other (a system-call filter fakes them). */
int covers_lay(const struct cover *covers, size_t n, const char *label, struct err *err);

/* Mounts one overlay on cover->target: the layer above, the live directory below; read-only, nosuid, nodev. Its
 * source field is PINLIB_SOURCE and the label. */
int cover_mount(const struct cover *cover, const char *label, struct err *err);
