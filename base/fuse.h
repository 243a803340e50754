/*
 * FUSE file systems of users. Their server may leave any question unanswered, and whoever has asked waits
 * for it until the server ends, SIGKILL or not: with the lock held, all of pinlib waits.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* -EPERM if fd, which may be O_PATH, is on such a file system, and root asks; 0 for anybody else, whose own time
 * it is. The kernel alone is asked. *known is a mount that is none: MOUNT_ID_UNKNOWN at first. */
int fuse_refuse_users(int fd, const char *path, uint64_t *known, struct err *err);
