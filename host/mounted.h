/* Where the calling process stands: mounts that make paths of the live system another thing here. */
#pragma once

#include "base/err.h"

/* 1 if this process's mount namespace is one that the wrapper made for an app: with a view, or, for
 * an app without pins, with the original alone at the app's path. 0 if not, or a negative error. */
int mounted_in_view(struct err *err);

/* -EBUSY if something is mounted on path itself: then what is seen there is not what a change of
 * the directory would change. */
int mounted_refuse(const char *path, struct err *err);
