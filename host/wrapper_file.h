/* The wrapper's file, PINLIB_WRAPPER, and its directory, which views exempt from nosuid. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Whether views may exempt the wrapper's directory from nosuid: only root can write the directory
 * and the wrapper, and no other file in it gains a privilege when it is executed. -EBADMSG:
 * another file is at the wrapper's path; -ESTALE: an interrupted installation (wrapper/put) left a
 * file with a capability. */
int wrapper_check(struct err *err);

/* Whether the file is the wrapper or a copy of it. A program that somebody copies over a wrapped
 * one lands, through the link, in the wrapper's file; a copy of a wrapped program is one of the
 * wrapper. */
bool wrapper_is_copy(const char *path);

/* 1 if executing the file gives a privilege: it is setuid or setgid, or has capabilities; 0 if
 * not. st is the file's. */
int wrapper_is_privileged(const char *path, const struct stat *st, struct err *err);
