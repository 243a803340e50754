/* The owner, mode, times and extended attributes of files, for copies and comparisons. overlayfs's own attributes
 * (user.overlay.*, trusted.overlay.*) are left out. Descriptors are not O_PATH. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Whether both have the same extended attributes, as far as the caller may read them. */
bool attributes_equal(int a, int b);

/* Gives to the owner, mode and times of st and the extended attributes of from. Removes extended attributes that only to
 * has. */
int attributes_copy(int from, const struct stat *st, int to, struct err *err);

/* Whether both files have the same bytes; false after any error. */
bool content_equal(int a, int b);
