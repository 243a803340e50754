/* The ways out of a view and into one, by the wrapper, which alone has the capability for it. */
#pragma once

#include "base/err.h"

/* Executes a command, found in PATH, with the live system's libraries. Returns only on failure. */
int host_execute(char **argv, struct err *err);

/* The same in the view of app, the path of a program with pins. */
int host_execute_in(const char *app, char **argv, struct err *err);

/* Inside a view: starts this command line again outside of it. 0 if this process is in no view. */
int host_return(char **argv, struct err *err);
