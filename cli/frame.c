#include "cli/frame.h"

#include "base/cleanup.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/host.h"
#include "cli/message.h"
#include "cli/suggest.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int unknown_command(const char *name)
{
	AUTO_FREE char *copy = strdup(name);
	const char *meant = suggest(name), *shown = copy ? printable(copy) : "";

	if (meant)
		fprintf(stderr, "pinlib: unknown command '%s'; did you mean 'pinlib %s'?\n", shown,
			meant);
	else
		fprintf(stderr, "pinlib: unknown command '%s'; 'pinlib help' lists the commands\n",
			shown);
	return EXIT_USAGE;
}

/* Before the options are read, as root may be needed first. */
static bool has_word(const struct command *c, int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0 && !c->in_order; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

/* argv begins with the command's name; all is the whole command line. In a view pinned files hide the live system's:
 * a command that is about the live system runs outside. */
static int run_command(int argc, char **argv, char **all)
{
	const struct command *c = command_current;
	char **operands;
	struct err err;
	int count, status;

	if (has_word(c, argc, argv, "--help")) { /* explained to everybody */
		help_command(stdout, c);
		return EXIT_OK;
	}
	want_user = c->user && (want_user || has_word(c, argc, argv, "--user"));
	if (c->root && !want_user && geteuid() != 0) {
		err_set(&err, EPERM, "'pinlib %s' must be run as root%s", c->name,
			c->user ? ", or for your own store with --user" : "");
		return failed(&err);
	}
	if (((c->root && !want_user) || c->host) && host_return(all, &err) < 0)
		return failed(&err);
	status = arguments_read(c, argc, argv, &count, &operands);
	if (status == EXIT_OK)
		status = c->run(count, operands, &err);
	if (status < 0) {
		failed(&err);
		status = c->failure ? c->failure : EXIT_FAIL;
	}
	if (fflush(stdout) != 0 || ferror(stdout) || terminal_failed()) {
		err_sys(&err, terminal_failed() ? terminal_failed() : errno,
			"cannot write to standard output");
		return failed(&err);
	}
	return status;
}

static int run_help(int argc, char **argv)
{
	const struct command *c = argc > 1 ? command_find(argv[1]) : NULL;

	if (argc > 1 && !c)
		return unknown_command(argv[1]);
	if (c)
		help_command(stdout, c);
	else
		help_all(stdout);
	return EXIT_OK;
}

/* An option of pinlib itself. -1: go on with the next word; else an exit status. */
static int take_option(const char *option)
{
	if (strcmp(option, "--json") == 0) {
		want_json = true;
		return -1;
	}
	if (strcmp(option, "--user") == 0) {
		want_user = true;
		return -1;
	}
	if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
		help_all(stdout);
		return EXIT_OK;
	}
	if (strcmp(option, "--version") == 0) {
		puts("pinlib " PINLIB_VERSION);
		return EXIT_OK;
	}
	fprintf(stderr, "pinlib: unknown option '%s'\n", option);
	help_all(stderr);
	return EXIT_USAGE;
}

int frame_run(const struct command *const *table, int argc, char **argv)
{
	int at = 1;

	command_table = table;
	terminal_guard();
	for (; at < argc && argv[at][0] == '-'; at++) {
		int status = take_option(argv[at]);

		if (status >= 0)
			return status;
	}
	if (at >= argc) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[at], "help") == 0)
		return run_help(argc - at, argv + at);
	command_current = command_find(argv[at]);
	if (!command_current)
		return unknown_command(argv[at]);
	if (want_user && !command_current->user)
		return misused("--user does not go with this command");
	return run_command(argc - at, argv + at, argv);
}
