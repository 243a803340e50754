/* FUSE file systems of users. Their server may never answer, and a process that waits for it cannot be killed: if that
 * process holds pinlib's lock, every other command waits too. */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* -EPERM if root calls this with an fd (it may be O_PATH) on such a file system; 0 for other callers, who only wait
 * for themselves. Asks the kernel, never the file system. *known caches the last mount that passed; start it as
 * MOUNT_ID_UNKNOWN. */
int fuse_refuse_users(int fd, const char *path, uint64_t *known, struct err *err);
