/*
 * The lock of every command that changes something, from its first read to its last write: flock(2)
 * on PINLIB_LOCK. Only root can open the file (mode 0600), so no user can hold the lock and make an
 * administrator wait. The kernel releases the lock when the process ends, however it ends.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Takes the lock, and makes PINLIB_STATE if it is missing. Closing *fd releases the lock. While
 * another command holds it, waited (may be NULL) is called once; after a minute the result is
 * -EBUSY. */
int policy_lock(int *fd, void (*waited)(void), struct err *err);

/* The same for the state directory of another store, a user's own (seal/home.h). */
int policy_lock_at(const char *state, int *fd, void (*waited)(void), struct err *err);
