/* The way out of a view: the wrapper has the capability to enter the live system's mount namespace. */
#pragma once

#include "base/err.h"

/* Executes a command, found in PATH, with the live system's libraries. Returns only on failure. */
int host_execute(char **argv, struct err *err);

/* Inside a view: starts this command line again outside of it. 0 if this process is in no view. */
int host_return(char **argv, struct err *err);
