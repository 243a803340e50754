#include "base/strings.h"
#include "change/freeze.h"
#include "cli/cli.h"
#include "cli/out.h"

#include <getopt.h>
#include <stdio.h>

static const struct option options[] = {{"force", no_argument, NULL, 'F'}, {0}};

static int print_result(struct session *s, const char *app, int64_t generation, struct err *err)
{
	AUTO_APP struct app now = {0};
	struct table *t;
	int r = policy_app(s->policy, app, POLICY_NOW, &now, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (want_json) {
		json_open(NULL, '{');
		json_string("app", app);
		json_number("generation", generation);
		json_bool("wrapped", r == 0);
		json_close();
		return 0;
	}
	if (r == -ENOENT)
		printf("%s is as it was before pinlib\n", app);
	t = table_new(3);
	for (size_t i = 0; i < now.npins; i++)
		table_row(t, (const char *[]){app, now.pins[i].name, now.pins[i].version});
	table_print(t);
	printf("generation %lld\n", (long long)generation);
	return 0;
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	char app[PATH_MAX], command[1024];
	struct strings paths = {.items = (char *[]){app}, .count = 1};
	struct err err;
	int64_t generation = 0;
	bool force = false;
	int c;

	command_line(argc, argv, command, sizeof command);
	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'F')
			return EXIT_USAGE;
		force = true;
	}
	if (argc - optind != 1)
		return misused(&command_thaw,
			       optind < argc ? "one program at a time" : "which program?");
	if (session_begin(&session, &err) < 0 || find_app(argv[optind], app, &err) < 0 ||
	    freeze_thaw(session.policy, app, &err) < 0)
		return failed(&err);
	if (session_activate(&session, &paths, command, force, &generation) != EXIT_OK)
		return EXIT_FAIL;
	if (print_result(&session, app, generation, &err) < 0)
		return failed(&err);
	return EXIT_OK;
}

const struct command command_thaw = {
	.name = "thaw",
	.synopsis = "[--force] APP",
	.summary = "Undo freeze: the program follows upgrades again",
	.options = "Pins that were set by hand stay; without any the original program comes back.\n"
		   "  --force  thaw it even if the loader is against what remains\n",
	.root = true,
	.wrapped = true,
	.run = run,
};
