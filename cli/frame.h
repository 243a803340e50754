/* From the command line to the command: options of pinlib itself, help, privileges, the way out of a view. */
#pragma once

#include "cli/command.h"

/* table ends in NULL. Returns an exit status. */
int frame_run(const struct command *const *table, int argc, char **argv);
