#include "cli/out.h"
#include "cli/session.h"
#include "commands/commands.h"

#include <stdio.h>

static bool force;

static const struct command_option options[] = {
	FLAG(&force, "force", "even if the loader finds that a program would not work"),
	{0},
};

static int run_rollback(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_STRINGS struct strings paths = {0};
	static char typed[64];
	int64_t wanted = -1, before;
	bool changed;

	if (count > 0 && !read_number(operands[0], 0, INT64_MAX, &wanted))
		return misused("'%s' is not the number of a generation", operands[0]);
	if (session_begin(&session, err) < 0)
		return EXIT_ERR;
	if (wanted < 0)
		wanted = policy_previous(session.policy);
	if (wanted < 0)
		return err_set(err, ENOENT, "there is no earlier generation");
	before = policy_committed(session.policy);
	if (policy_restore(session.policy, wanted, &paths, err) < 0)
		return EXIT_ERR;
	if (count == 0) { /* history shows where to */
		snprintf(typed, sizeof typed, "rollback %lld", (long long)wanted);
		arguments_typed = typed;
	}
	if (session_activate(&session, &paths, force) != EXIT_OK)
		return EXIT_FAIL;
	changed = session.generation != before;
	json_record("generation %lld restored %lld changed %d", (long long)session.generation,
		    (long long)wanted, changed);
	print_line(!changed ? "generation %lld already equals generation %lld"
			    : "generation %lld restores generation %lld",
		   (long long)session.generation, (long long)wanted);
	return EXIT_OK;
}

const struct command command_rollback = {
	.name = "rollback",
	.group = GROUP_BACK,
	.summary = "Return to an earlier generation",
	.text = "Without N, to the generation before the current one. The rollback is a new "
		"generation itself, so it can be undone in the same way. The restored views are "
		"tested on the live system as it is now.",
	.options = options,
	.operands = {{.name = "N", .kind = ARG_GENERATION, .optional = true}},
	.json = true,
	.root = true,
	.run = run_rollback,
};
