#include "base/paths.h"
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option options[] = {{"host", no_argument, NULL, 'h'}, {0}};

static int run(int argc, char **argv)
{
	struct err err;
	bool host = false;
	char **args;
	int c;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'h')
			return EXIT_USAGE;
		host = true;
	}
	if (!host || optind >= argc)
		return misused(&command_exec, host ? "which command?" : "--host is missing");
	args = calloc((size_t)(argc - optind) + 4, sizeof *args);
	if (!args)
		return failed((err_nomem(&err), &err));
	args[0] = (char *)PINLIB_WRAPPER;
	args[1] = (char *)"--host";
	args[2] = (char *)"--";
	memcpy(args + 3, argv + optind, (size_t)(argc - optind) * sizeof *args);
	execv(PINLIB_WRAPPER, args);
	err_sys(&err, errno, "cannot run %s", PINLIB_WRAPPER);
	free(args);
	return failed(&err);
}

const struct command command_exec = {
	.name = "exec",
	.synopsis = "--host [--] COMMAND [ARGUMENT...]",
	.summary = "Run a command with the live system's libraries, from inside a view",
	.letters = "+", /* the command's options are its own */
	.run = run,
};
