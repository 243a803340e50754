/* Running the programs of dpkg and apt, for the files of this room alone. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The most bytes that an answer may have: the file lists of all packages of a large system are
 * less. */
#define DPKG_ANSWER_MAX ((size_t)256 << 20)

/* Whether this system has dpkg. */
bool dpkg_present(void);

/* Makes a message of what a program wrote to standard error, in err: without the names that the program puts before it
 * ("dpkg-query: error: ", "E: "), since pinlib names the program itself, and without apt's warnings and notes. */
void tool_message(const char *program, struct err *err);

/* Runs argv and reads its answer; *text is the caller's to free. Returns 1 where dpkg does not know
 * some name that argv asks about (exit status 1; *err has its words), -EIO for a higher status. */
int dpkg_ask(const char *const argv[], char **text, struct err *err);

struct apt_place;
struct strings;

/* Runs args (a program of apt's first) for this place, in dir (NULL: here); it must succeed. more: further arguments, behind
 * "--"; NULL: none. *text is the caller's to free. */
int apt_run(const char *const args[], const struct strings *more, const struct apt_place *place,
	    const char *dir, char **text, struct err *err);
