/* The arguments of the command that runs, read by its table. */
#pragma once

#include "cli/command.h"

#include <stdint.h>

extern const char *arguments_typed; /* the command as it was typed, for the history */

/* The arguments for another program, which follow "--" or the last option, behind an element that is free for its
 * argv[0]; ends in NULL. NULL: there are none. */
extern char **arguments_rest;

/* Sets the variables above and those of the options; *operands becomes the first operand, and *count their number. argv
 * begins with the command's name, and is changed. Returns EXIT_OK, or another exit status after a message. */
int arguments_read(const struct command *command, int argc, char **argv, int *count,
		   char ***operands);

/* Whether the word is among the options, before they are read: not among the arguments for another program. argv begins
 * with the command's name. */
bool arguments_have(const struct command *command, int argc, char **argv, const char *word);

/* A message about misuse and the usage of the command that runs; returns its exit status of misuse. */
int misused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for an operand too many. */
int unexpected(const char *operand);

/* A whole number between these two; false if text is another one, or none. */
bool read_number(const char *text, int64_t least, int64_t most, int64_t *out);
