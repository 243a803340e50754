/* Files that hold a list of strings, one a line; the strings have no newline. */
#pragma once

#include "base/err.h"
#include "base/strings.h"

#include <sys/types.h>

/* Appends the lines of the file, without empty ones. A file that does not exist has none. -EFBIG: more than max bytes. */
int lines_read(const char *path, size_t max, struct strings *out, struct err *err);

/* Publishes the list as the file, as file_publish does. An empty list removes the file. */
int lines_publish(const char *path, const struct strings *list, mode_t mode, struct err *err);
