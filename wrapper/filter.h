/* The app's system-call filter (seccomp(2)), as its plan has it. */
#pragma once

#include "base/err.h"
#include "plan/read.h"

#include <stdbool.h>

/* Loads the plan's filter, if it has one. From here on the process can do what the filter lets it,
 * which is at least capset(2), capget(2) and execve(2). It takes CAP_SYS_ADMIN or no_new_privs. */
int filter_load(const struct plan *plan, struct err *err);

/* Whether a filter of the caller's refuses the calls that a view is built with, as far as can be
 * told without making them. */
bool filter_hides_mounts(void);
