/*
 * Single mounts: which mount a path is on, and bind mounts by open_tree(2) and move_mount(2) (Linux 5.2).
 *
 * A caller's seccomp(2) filter can fake the result of a mount call that the kernel never made, but it cannot write to
 * memory: so whoever mounts something reads the mount's number back. These look-ups ask the kernel and never the
 * file system: a FUSE server refuses everybody but its own user, and may never answer. Allocates nothing.
 *
 * path and flags (AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW) are those of statx(2).
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct mount_place {
	uint64_t id; /* STATX_MNT_ID (Linux 5.8): unique among the mounts that exist now */
	bool root;   /* path is the root of that mount */
};

/* Returns 0, or the negative error of statx(2); -EPERM if the kernel gave no number. */
int mount_look(int dirfd, const char *path, unsigned flags, struct mount_place *out);

/* The number alone; errors as from mount_look. */
int mount_id(int dirfd, const char *path, unsigned flags, uint64_t *out);

/* The number by path, or MOUNT_ID_UNKNOWN after any error. */
#define MOUNT_ID_UNKNOWN UINT64_MAX
uint64_t mount_id_at(const char *path, unsigned flags);

/* Whether path, whose last link is not followed, is the root of a mount. False after any error. */
bool mount_is_root(const char *path);

/* The next two need CAP_SYS_ADMIN in the effective set, and paths that only root can redirect (base/trust.h). */

/* Copies the mount at path, whose last link is not followed; AT_RECURSIVE_MOUNTS in flags also copies the mounts
 * below it. Returns a descriptor of the copy, which is attached nowhere yet. */
int mount_pick_up(const char *path, unsigned flags, struct err *err);

/* The same for a program: an original, with the attributes of the live mount, or a file below PINLIB_LAYERS. The latter is
 * mounted read-only, like the rest of its layer under an overlay. It is never noexec: overlayfs, too, maps the layer's
 * libraries where the file system of the layers is mounted noexec. */
int mount_pick_up_program(const char *path, struct err *err);
bool mount_is_in_layers(const char *path);

/* Attaches such a copy at path: on the link itself if path is a link. */
int mount_put_down(int fd, const char *path, struct err *err);
