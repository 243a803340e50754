/* Help texts, made from the tables of the commands. No line is longer than 80 columns. */
#pragma once

#include "cli/command.h"

#include <stdio.h>

/* All commands that are not hidden, by their groups, with examples: at most 30 lines. */
void help_all(FILE *out);
/* One command: usage, summary, text, options. */
void help_command(FILE *out, const struct command *command);
/* "Usage: pinlib NAME ..." */
void help_usage(FILE *out, const struct command *command);
