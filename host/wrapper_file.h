/* The wrapper's file, PINLIB_WRAPPER, and its directory, which views exempt from nosuid. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Whether views may exempt the wrapper's directory from nosuid: only root can write the directory, the wrapper and
 * PINLIB_STUB, and no other file in it gains a privilege when it is executed. -EBADMSG: another file is at the path of
 * the wrapper or of the stub; -ESTALE: an interrupted installation (wrapper/put) left a file with a capability. */
int wrapper_check(struct err *err);

/* Whether the file is the wrapper, a stub, or a copy of one: a copy of a wrapped program is one of its stub. */
bool wrapper_is_copy(const char *path);

/* 1 if executing the file gives a privilege: it is setuid or setgid, or has capabilities; 0 if
 * not. st is the file's. */
int wrapper_is_privileged(const char *path, const struct stat *st, struct err *err);
