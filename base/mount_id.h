/*
 * Which mount is it? Asked where a system call has said that mounts were changed: a filter of the
 * caller's (seccomp(2)) can say so of a call that was never made, but it cannot write memory.
 *
 * Nothing is asked of the file system: FUSE answers no question by anybody but the user who mounted it,
 * and may never answer. path and flags (AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW) are statx(2)'s.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mount_place {
	uint64_t id; /* as mount_id */
	bool root;   /* path is where the mount begins */
};
/* Both at once. Errors are statx(2)'s; -EPERM if the kernel's answer is none. */
int mount_look(int dirfd, const char *path, unsigned flags, struct mount_place *out);

/* The number of the mount that path is on, STATX_MNT_ID of statx(2) (Linux 5.8): as unique as the
 * mount is alive. Errors as mount_look. */
int mount_id(int dirfd, const char *path, unsigned flags, uint64_t *out);

/* The same by name; MOUNT_ID_UNKNOWN for any error. */
#define MOUNT_ID_UNKNOWN UINT64_MAX
uint64_t mount_id_at(const char *path, unsigned flags);

/* Whether a mount begins at path, which is not followed. False for any error. */
bool mount_is_root(const char *path);
