/* Runs another program and reads its output. */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* Runs argv with standard input from /dev/null and LC_ALL=C.UTF-8, in the directory cwd (NULL: the current one).
 * argv[0] is looked up in a fixed PATH of system directories. The caller frees *out, the NUL-terminated standard
 * output of max bytes at most; out may be NULL. *err gets the standard error. Returns the exit status (0-255), or a
 * negative error if the program could not be run, was killed by a signal, or printed more than max bytes. A non-zero
 * exit status is no error of run_read. */
int run_read(const char *const argv[], const char *cwd, size_t max, char **out, struct err *err);
