#include "upgrade/refresh.h"

#include "cli/cli.h"
#include "cli/out.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void print_json(const struct refreshed *what)
{
	json_open(NULL, '{');
	json_string("app", what->app);
	json_string("state", refreshed_name(what->state));
	json_string("why", what->why[0] ? what->why : NULL);
	json_string("help", what->help[0] ? what->help : NULL);
	json_close();
}

/* Nothing is said of what is as it was: a package manager's user reads this. */
static void print(void *ctx, const struct refreshed *what)
{
	char why[ERR_TEXT_MAX];

	(void)ctx;
	if (want_json) {
		print_json(what);
		return;
	}
	if (what->state == REFRESH_SAME || (what->state == REFRESH_SLEEPS && !what->news))
		return;
	snprintf(why, sizeof why, "%s", what->why);
	printf("%s %s: %s\n", what->app, refreshed_name(what->state), printable(why));
	if (what->help[0])
		printf("  %s\n", what->help);
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_POLICY struct policy *committed = NULL;
	struct err err;
	int r;

	if (next_option(argc, argv, NULL) != -1)
		return EXIT_USAGE;
	if (optind < argc)
		return misused(&command_refresh, "'%s' is too much", argv[optind]);
	r = session_begin(&session, &err);
	if (r == 0)
		r = policy_open(&committed, &err);
	if (r < 0)
		return failed(&err);
	if (want_json)
		json_open(NULL, '[');
	r = refresh_apps(committed, session.store,
			 &(struct refresh_options){.report = print}, &err);
	if (want_json)
		json_close();
	if (r < 0)
		return failed(&err);
	return r ? EXIT_FAIL : EXIT_OK;
}

const struct command command_refresh = {
	.name = "refresh",
	.synopsis = "[--json]",
	.summary = "Bring wrapped programs up to date with upgraded packages, and prove them again",
	.options =
		"dpkg does this by itself after every change, where pinlib is installed as a "
		"package.\n"
		"Prints what was repaired, what cannot be wrapped any more and what no longer works.\n",
	.root = true,
	.run = run,
};
