/*
 * The lock that every command which changes anything holds from its first read to its last write:
 * flock(2) on PINLIB_LOCK, which is root's with mode 0600, so that no user can hold it or make an
 * administrator wait. It goes with the process, however that ends.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Makes PINLIB_STATE where it is missing. *fd is the lock: close it to let go. waited (may be
 * NULL) is called once if another command holds it; after a minute it is -EBUSY. */
int policy_lock(int *fd, void (*waited)(void), struct err *err);
