/* Running another program and reading what it prints. */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* Runs argv (argv[0] is looked up in a fixed PATH of system directories) with standard input from
 * /dev/null, LC_ALL=C.UTF-8, and collects standard output, at most max bytes; *out (may be NULL
 * to discard) is the caller's to free and NUL-terminated. Standard error is kept and becomes part
 * of the error text. Returns the exit status (0-255), or a negative error if it could not be run,
 * was killed, or printed more than max. A non-zero exit status is not an error of run_read, but
 * *err holds what it wrote to standard error. cwd NULL: unchanged. */
int run_read(const char *const argv[], const char *cwd, size_t max, char **out, struct err *err);
