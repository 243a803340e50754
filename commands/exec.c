#include "cli/host.h"
#include "commands/commands.h"

static bool host;

static const struct command_option options[] = {
	FLAG(&host, "host", "outside of the view that this process is in", .needed = true),
	{0},
};

static int run_exec(int count, char **operands, struct err *err)
{
	(void)count;
	return host_execute(operands, err);
}

const struct command command_exec = {
	.name = "exec",
	.group = GROUP_RUN,
	.summary = "Run a command outside of the view it would inherit",
	.text = "COMMAND gets the live system's libraries. For programs that a pinned program "
		"starts.",
	.options = options,
	.operands = {{.name = "COMMAND", .kind = ARG_COMMAND},
		     {.name = "ARGUMENT", .kind = ARG_FILE, .optional = true, .repeats = true}},
	.in_order = true,
	.run = run_exec,
};
