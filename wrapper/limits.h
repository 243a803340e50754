/*
 * The caller's limit on open descriptors (RLIMIT_NOFILE), which the app inherits and which may
 * leave none for building its view.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Raises a soft limit that may be too small, as far as the hard limit allows. */
void limits_raise(void);

/* Whether n more descriptors can be had now. */
bool limits_leave(size_t n);

/* What the caller gave, for the app. */
int limits_restore(struct err *err);
