/* The caller's limit on open descriptors (RLIMIT_NOFILE). The app inherits it, and it may leave too few descriptors for
 * building the view. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Raises the soft limit if it may be too low, as far as the hard limit allows. */
void limits_raise(void);

/* Whether n more descriptors can be opened now. */
bool limits_leave(size_t n);

/* Restores the caller's soft limit, for the app. */
int limits_restore(struct err *err);
