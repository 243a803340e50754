/* The app's system-call filter (seccomp(2)), which its plan holds. */
#pragma once

#include "base/err.h"
#include "plan/read.h"

#include <stdbool.h>

/* Loads the plan's filter, if it has one. Afterwards the process can make only the system calls that the filter allows,
 * which are capset(2), capget(2) and execve(2) at least. Needs CAP_SYS_ADMIN or no_new_privs. */
int filter_load(const struct plan *plan, struct err *err);

/* Whether a filter of the caller's refuses the system calls that build a view. Tried with arguments that the kernel
 * refuses, so that nothing is mounted. */
bool filter_hides_mounts(void);
