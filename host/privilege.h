/*
 * Whether the wrapper gets its capability when a user executes it (capabilities(7), "Transformation of capabilities during
 * execve()", and PR_SET_NO_NEW_PRIVS of prctl(2)), and can use it.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Whether the process of this file /proc/PID/status, and so all its children, cannot get CAP_SYS_ADMIN. False if the file
 * cannot be read. */
bool privilege_is_bounded(const char *status);

/* Whether no_new_privs is set for this process, and so for all its children. False likewise. */
bool privilege_is_frozen(const char *status);

/* The capabilities of the wrapper's file, as cap_to_text(3) prints them; only PRIVILEGE_WRAPPER is right. The caller frees
 * *text. -ENODATA: it has none; -ENOTSUP: its file system has no capabilities. */
#define PRIVILEGE_WRAPPER "cap_sys_admin=p"
int privilege_of_wrapper(char **text, struct err *err);

/* Whether some program here can get a view. -EPERM: none can, for the reason in err: the wrapper's file has no capability,
 * its mount is nosuid, the root directory is not the root of a mount, whose propagation no call changes then, or the first
 * process, the parent of all others, can give them no capability. */
int privilege_check(struct err *err);
