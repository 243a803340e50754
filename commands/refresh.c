#include "upgrade/refresh.h"

#include "cli/out.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

/* Prints no line for unchanged programs: the user of a package manager reads this. */
static void print_refreshed(void *ctx, const struct refreshed *what)
{
	char why[ERR_TEXT_MAX];

	(void)ctx;
	json_record("app %s state %s why %s help %s", what->app, refreshed_name(what->state),
		    what->why[0] ? what->why : NULL, what->help[0] ? what->help : NULL);
	if (what->state == REFRESH_SAME || (what->state == REFRESH_SLEEPS && !what->news))
		return;
	snprintf(why, sizeof why, "%s", what->why);
	print_line("%s %s: %s", what->app, refreshed_name(what->state), printable(why));
	if (what->help[0])
		print_line("  %s", what->help);
}

static int run_refresh(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_POLICY struct policy *committed = NULL;
	int r;

	(void)count;
	(void)operands;
	if (session_begin(&session, err) < 0 || policy_open(&committed, err) < 0)
		return EXIT_ERR;
	json_open(NULL, '[');
	r = refresh_apps(committed, session.store,
			 &(struct refresh_options){.report = print_refreshed}, err);
	json_close();
	return r > 0 ? EXIT_FAIL : r;
}

const struct command command_refresh = {
	.name = "refresh",
	.summary = "Bring wrapped programs up to date with packages",
	.text = "dpkg calls it after each change of packages. 'pinlib doctor --repair' does the "
		"same.",
	.json = true,
	.root = true,
	.run = run_refresh,
};
