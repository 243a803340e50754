/* Who decides what a path leads to? Allocates nothing: the wrapper asks too. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* True if each component of path, which is absolute, from / on belongs to root and nobody else can
 * write it (a sticky directory counts as writable). A symbolic link is looked at, and not where it
 * leads. Else false, with the offending component in err. */
bool path_is_roots(const char *path, struct err *err);

/* True if root alone decides which directory path is: as above, each component is a directory and
 * none is a link, and the file system of none is FUSE, whose server answers what it likes (/ may
 * be: then all is). So the path means the same directory however often the kernel resolves it, but for what root
 * changes. */
bool path_is_roots_dir(const char *path, struct err *err);

/* The same for the directory that path is in. */
bool path_is_in_roots_dir(const char *path, struct err *err);

/* True if root alone decides which directory path is, whoever can write in it. */
bool path_is_fixed_dir(const char *path, struct err *err);
