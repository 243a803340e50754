/*
 * Originals: the second name of a wrapped program's own file, DIR/.pinlib/NAME for DIR/NAME. It is
 * the same inode, linked and not copied, on the same file system.
 */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>

#define ORIGINAL_TEMP_MAX (PATH_MAX + 48)

/* Where the original of app is, or will be once app is wrapped. -ENAMETOOLONG. */
int original_path(const char *app, char real[PATH_MAX], struct err *err);

/* Whether there is an original at real, in a directory of pinlib's. Anything else of this name is
 * somebody's, and stays. */
bool original_exists(const char *real);

bool original_is_same(const char *app, const char *real); /* two names of one file */

/* Makes the directory of the originals. -ENOTDIR: something else has its name. */
int original_make_dir(const char *real, struct err *err);

/* app's file gets its second name, real, and both are on the disk afterwards. */
int original_link(const char *app, const char *real, struct err *err);

/* A name for a temporary file beside real; original_sweep removes such files. */
int original_temp_name(const char *real, char temp[ORIGINAL_TEMP_MAX], struct err *err);
void original_sweep(const char *real);

/* original_sweep, and the directory goes if it is empty. */
int original_tidy(const char *real, struct err *err);
