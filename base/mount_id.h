/*
 * Which mount is it? Asked where a system call has said that mounts were changed: a filter of the
 * caller's (seccomp(2)) can say so of a call that was never made, but it cannot write memory.
 */
#pragma once

#include <stdint.h>

/* The number of the mount that path is on, STATX_MNT_ID of statx(2) (Linux 5.8): as unique as the
 * mount is alive. flags are AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. -EPERM if the kernel's answer is
 * none. */
int mount_id(int dirfd, const char *path, unsigned flags, uint64_t *out);

/* The same by name; MOUNT_ID_UNKNOWN for any error. */
#define MOUNT_ID_UNKNOWN UINT64_MAX
uint64_t mount_id_at(const char *path, unsigned flags);
