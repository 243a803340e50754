#include "cli/frame.h"

#include "base/cleanup.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/host.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/suggest.h"
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A name may be longer than the text of a struct err. */
__attribute__((format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	put_message("pinlib: ", text ? text : fmt);
	json_fail(text ? text : fmt);
}

static int unknown_command(const char *name)
{
	const char *meant = suggest(name);

	if (meant)
		fail("unknown command '%s'; did you mean 'pinlib %s'?", name, meant);
	else
		fail("unknown command '%s'; 'pinlib help' lists the commands", name);
	return EXIT_USAGE;
}

/* argv begins with the command's name; all is the whole command line. In a view pinned files hide the live system's:
 * a command that is about the live system runs outside. */
static int run_command(int argc, char **argv, char **all)
{
	const struct command *c = command_current;
	char **operands;
	struct err err;
	int count, status;

	if (arguments_have(c, argc, argv, "--help")) { /* explained to everybody */
		help_command(stdout, c);
		return EXIT_OK;
	}
	want_json |= arguments_have(c, argc, argv, "--json");
	want_user = c->user && (want_user || arguments_have(c, argc, argv, "--user"));
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
	return status;
}

/* Writes what is left of the output. */
static int end_output(int status)
{
	struct err err;

	json_end(status);
	if (fflush(stdout) == 0 && !ferror(stdout) && !terminal_failed())
		return status;
	err_sys(&err, terminal_failed() ? terminal_failed() : errno,
		"cannot write to standard output");
	return failed(&err);
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
	fail("unknown option '%s'; see 'pinlib help'", option);
	return EXIT_USAGE;
}

static int missing_command(void)
{
	help_all(stderr);
	json_fail("missing COMMAND");
	return EXIT_USAGE;
}

/* The options of pinlib itself, and then the command. */
static int run_words(int argc, char **argv)
{
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		int status = take_option(argv[at]);

		if (status >= 0)
			return status;
	}
	if (at >= argc)
		return missing_command();
	if (strcmp(argv[at], "help") == 0)
		return run_help(argc - at, argv + at);
	command_current = command_find(argv[at]);
	if (!command_current) {
		for (int i = at + 1; i < argc && strcmp(argv[i], "--") != 0; i++)
			want_json |= strcmp(argv[i], "--json") == 0;
		return unknown_command(argv[at]);
	}
	if (want_user && !command_current->user)
		return misused("--user does not go with this command");
	return run_command(argc - at, argv + at, argv);
}

int frame_run(const struct command *const *table, int argc, char **argv)
{
	command_table = table;
	terminal_guard();
	return end_output(run_words(argc, argv));
}
