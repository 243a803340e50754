/* Who decides what a path leads to? Allocates nothing: the wrapper asks too. Paths are absolute. Where
 * the answer is no, the offending component is in err. */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* True if each component of path from / on belongs to root and nobody else can write it (a sticky
 * directory counts as writable). A symbolic link is looked at, and not where it leads. */
bool path_is_roots(const char *path, struct err *err);

/* The path that was looked at last, by the functions below: what the next has in common with it is not looked
 * at again. All zero: none. To be forgotten when mounts are changed. */
struct trusted {
	size_t len;
	char path[PATH_MAX];
};

/* True if root alone decides which directory path is: as path_is_roots, each component is a directory
 * and none is a link, and the file system of none is FUSE, whose server answers what it likes (/ may
 * be: then all is). So the path means the same directory however often the kernel resolves it, but
 * for what root changes. */
bool path_is_roots_dir(struct trusted *known, const char *path, struct err *err);

/* The same for the directory that path is in. */
bool path_is_in_roots_dir(struct trusted *known, const char *path, struct err *err);

/* True if root alone decides which directory path is, whoever can write in it. */
bool path_is_fixed_dir(struct trusted *known, const char *path, struct err *err);
