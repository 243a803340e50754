#include "host/unit_view.h"

#include "base/cleanup.h"
#include "cli/message.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "host/unit_file.h"

/* For systemd any other status of an ExecCondition= is a reason to skip the unit without a message. */
#define FAILED 255

static bool end;

static const struct command_option options[] = {
	FLAG(&end, "end", "remove the view"),
	{0},
};

static int stage_app(const char *unit, int argc, char **argv, struct err *err)
{
	bool pinned;
	int r = unit_view_build(unit, argv[0], (const char *const *)argv + 1, (size_t)argc - 1,
				&pinned, err);

	if (r == 0 && !pinned)
		warn("%s has no pins: %s starts without a view", argv[0], unit);
	return r;
}

static int run_stage(int count, char **operands, struct err *err)
{
	AUTO_LOCK int lock = -1;
	char unit[NAME_MAX + 1];

	if (count < 2 && !end)
		return misused("missing APP");
	if (unit_file_name(operands[0], unit, err) < 0 || unit_view_enter(err) < 0 ||
	    (!end && take_lock(&lock, NULL, err) < 0))
		return EXIT_ERR;
	return end ? unit_view_clear(unit, err) : stage_app(unit, count - 1, operands + 1, err);
}

const struct command command_stage = {
	.name = "stage",
	.summary = "Hold a view ready for a service",
	.text = "systemd calls it, from the drop-in of 'pinlib unit'.",
	.options = options,
	.operands = {{.name = "UNIT", .kind = ARG_TEXT},
		     {.name = "APP", .kind = ARG_PINNED, .optional = true},
		     {.name = "DIR", .kind = ARG_DIRECTORY, .optional = true, .repeats = true}},
	/* Not .root: it must enter the namespace of process 1, which also leaves a view, and each failure must end
	 * with FAILED. */
	.misuse = FAILED,
	.failure = FAILED,
	.run = run_stage,
};
