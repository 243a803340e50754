/* Paths, as text and on the live system. They are absolute, and PATH_MAX bytes at most; each out argument has room for
 * PATH_MAX bytes. A path that grows longer is -ENAMETOOLONG. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define PATH_LINKS_MAX 40 /* in one path, as the kernel's MAXSYMLINKS */

/* Removes empty components and ".", and resolves ".." in the text alone. -EINVAL for "/a/../..", a relative path, or
 * a path with a control character. */
int path_normalise(const char *path, char *out, struct err *err);

/* Resolves the links of path's longest existing part on the live system and appends the rest: "/lib/new/dir" becomes
 * "/usr/lib/new/dir" where /lib is a link to usr/lib. *existing (may be NULL) is the length of the part of out that
 * exists. */
int path_resolve(const char *path, char *out, size_t *existing, struct err *err);

/* Resolves the directory of path only, and keeps the last name whether it is a link, a file or missing:
 * "/usr/bin/ls" for "/bin/ls". */
int path_place(const char *path, char *out, struct err *err);

/* Whether path is dir or below it. */
bool path_below(const char *path, const char *dir);

/* The name after the last '/'. */
const char *path_base(const char *path);
bool path_ends(const char *path, const char *end); /* and something is before that end */

/* dir/name, or /name where dir is "/". */
int path_join(const char *dir, const char *name, char *out, struct err *err);

/* The directory part: "/usr" of "/usr/bin", "/" of "/x". */
void path_dir(const char *path, char *out);
