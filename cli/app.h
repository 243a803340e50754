/* Programs by the names that users give them. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"

#include <limits.h>

/* The canonical path of the app that the user named: a path, or a command in PATH. */
int find_app(const char *name, char app[PATH_MAX], struct err *err);
/* For `set --as`: the canonical path of a program that need not exist yet. -ENOENT, -ENOTDIR: its directory does not exist. */
int find_new_app(const char *path, char app[PATH_MAX], struct err *err);
/* As find_app, for commands that look at pins: finds an app by its path, or by its name if only one has it, even if its
 * program is gone or became a link. */
int find_pinned(const struct apps *apps, const char *name, char app[PATH_MAX], struct err *err);
/* As find_app for each name; each app once, in the order of their first names. */
int find_apps(char *const *names, size_t n, struct strings *apps, struct err *err);
