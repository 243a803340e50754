#include "base/exit.h"
#include "cli/app.h"
#include "cli/arguments.h"
#include "cli/host.h"
#include "commands/commands.h"

static bool host;
static const char *in;

static const struct command_option options[] = {
	OPTION(&in, "in", ARG_PINNED, "APP", "in the view of this program"),
	FLAG(&host, "host", "outside of the view that this process is in"),
	{0},
};

static int run_exec(int count, char **operands, struct err *err)
{
	char app[PATH_MAX];

	(void)count;
	if (!host && !in)
		return misused("missing --in APP or --host");
	if (host && in)
		return misused("--in and --host exclude each other");
	if (host)
		return host_execute(operands, err);
	return find_app(in, app, err) < 0 ? EXIT_ERR : host_execute_in(app, operands, err);
}

const struct command command_exec = {
	.name = "exec",
	.group = GROUP_RUN,
	.summary = "Run a command in a program's view, or outside of any",
	.text = "With --in COMMAND sees the files that APP sees, and at APP's path its program "
		"instead of the stub: for gdb, valgrind, perf or a shell. With --host COMMAND gets "
		"the live system's libraries, for programs that a pinned program starts. One of "
		"the two is needed; every user can do both.",
	.options = options,
	.operands = {{.name = "COMMAND", .kind = ARG_COMMAND},
		     {.name = "ARGUMENT", .kind = ARG_FILE, .optional = true, .repeats = true}},
	.in_order = true,
	.failure = EXIT_OWN,
	.run = run_exec,
};
