/* Mounts that hide the live system: the calling process's view, and mounts on a program. */
#pragma once

#include "base/err.h"

/* 1 if the wrapper made this process's mount namespace for an app: it has a view, or, for an app
 * without pins, only the original at the app's path. 0 if not, or a negative error. */
int mounted_in_view(struct err *err);

/* -EBUSY: something is mounted on path itself, and hides the file that a change of the directory
 * would change. */
int mounted_refuse(const char *path, struct err *err);
