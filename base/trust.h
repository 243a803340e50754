/* Whether only root decides where a path leads. Allocates nothing, since the wrapper asks too. Paths are absolute. Where
 * the answer is no, err names the component at fault. */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* True if root owns each component of path, from / on, and nobody else can write it (a sticky directory counts as
 * writable). Checks a symbolic link itself, and not its target. */
bool trust_file(const char *path, struct err *err);

/* The path that the functions below checked last: they do not check again the components that the next path shares
 * with it. All zero: none. Set len to 0 when mounts change. */
struct trusted {
	size_t len;
	char path[PATH_MAX];
};

/* True if, besides, each component is a directory, none is a link, and none is on a FUSE file system, whose server can
 * give any answer (unless / itself is on FUSE). Then only root can change which directory the path means, however
 * often the kernel resolves it. */
bool trust_dir(struct trusted *known, const char *path, struct err *err);

/* The same for the directory of path. */
bool trust_dir_of(struct trusted *known, const char *path, struct err *err);

/* True if path is a directory and trust_dir_of holds: only root decides which directory path is, whoever can write
 * in it. */
bool trust_fixed_dir(struct trusted *known, const char *path, struct err *err);
