/* Exit statuses of programs that start others, as of env(1): the starter failed; the program cannot be executed; the
 * program was not found. */
#pragma once

enum { EXIT_OWN = 125, EXIT_CANNOT = 126, EXIT_NOT_FOUND = 127 };
