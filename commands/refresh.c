#include "upgrade/refresh.h"

#include "cli/out.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

static bool due;

static const struct command_option options[] = {
	FLAG(&due, "due",
	     "only the programs that package changes have made due, for a minute at most"),
	{0},
};

/* Prints no line for unchanged programs: the user of a package manager reads this. */
static void print_refreshed(void *ctx, const struct refreshed *what)
{
	char why[ERR_TEXT_MAX];
	size_t *left = ctx;

	json_record("app %s state %s why %s help %s", what->app, refreshed_name(what->state),
		    what->why[0] ? what->why : NULL, what->help[0] ? what->help : NULL);
	*left += what->state == REFRESH_LEFT;
	if (what->state == REFRESH_SAME || what->state == REFRESH_LEFT ||
	    (what->state == REFRESH_SLEEPS && !what->news))
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
	size_t left = 0;
	int r;

	(void)count;
	(void)operands;
	if (session_begin(&session, err) < 0 || policy_open(&committed, err) < 0)
		return EXIT_ERR;
	json_open(NULL, '[');
	r = refresh_apps(
		committed, session.store,
		&(struct refresh_options){.due = due, .report = print_refreshed, .ctx = &left},
		err);
	json_close();
	if (left)
		print_line("%zu program%s not tested within %d seconds: 'pinlib refresh' "
			   "continues, and so does the next change of packages",
			   left, left == 1 ? " was" : "s were", REFRESH_SECONDS);
	return r > 0 ? EXIT_FAIL : r;
}

const struct command command_refresh = {
	.name = "refresh",
	.summary = "Bring wrapped programs up to date with packages",
	.text = "dpkg calls it after changes of packages. Programs that would not start come "
		"first. If it is interrupted, the next call begins with the programs that are "
		"left. 'pinlib doctor --repair' does the same.",
	.options = options,
	.json = true,
	.root = true,
	.run = run_refresh,
};
