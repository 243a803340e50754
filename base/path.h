/* Path names, as text and on the live system. Absolute paths only; PATH_MAX bounds them. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Removes "." and empty components and takes ".." as text takes it; "/a/../.." is an error
 * (-EINVAL), as is a relative path or one with control characters. out holds PATH_MAX bytes. */
int path_normalise(const char *path, char *out, struct err *err);

/* Where path is on the live system: its longest existing part with symbolic links resolved, the
 * rest appended. *existing (may be NULL) gets the length of the part of out that exists.
 * "/lib/new/dir" is "/usr/lib/new/dir" where /lib is a link to usr/lib. */
int path_resolve(const char *path, char *out, size_t *existing, struct err *err);

/* The same for path's directory; the last name is taken as it is, link or not, there or not:
 * "/usr/bin/ls" for "/bin/ls". */
int path_place(const char *path, char *out, struct err *err);

/* True if path is dir or below it. */
bool path_below(const char *path, const char *dir);

const char *path_base(const char *path); /* after the last '/' */
/* dir/name, or /name where dir is "/". out holds PATH_MAX bytes. -ENAMETOOLONG. */
int path_join(const char *dir, const char *name, char *out, struct err *err);

/* The directory part: "/usr" of "/usr/bin", "/" of "/x". out holds PATH_MAX bytes. */
void path_dir(const char *path, char *out);
