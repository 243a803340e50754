/* Running dpkg's programs, for the files of this room alone. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The most bytes that an answer may have: the file lists of all packages of a large system are
 * less. */
#define DPKG_ANSWER_MAX ((size_t)256 << 20)

/* Whether this system has dpkg. */
bool dpkg_present(void);

/* Runs argv and reads its answer; *text is the caller's to free. Returns 1 where dpkg does not know
 * some name that argv asks about (exit status 1; *err has its words), -EIO for a higher status. */
int dpkg_ask(const char *const argv[], char **text, struct err *err);
