#include "host/unit.h"

#include "base/paths.h"
#include "cli/cli.h"
#include "cli/out.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct option options[] = {
	{"app", required_argument, NULL, 'a'},
	{"dry-run", no_argument, NULL, 'n'},
	{"remove", no_argument, NULL, 'r'},
	{0},
};

static int list(struct err *err)
{
	AUTO_UNITS struct unit_drop_ins all = {0};
	int r = units_list(&all, err);

	if (r < 0)
		return r;
	if (want_json)
		json_open(NULL, '[');
	for (size_t i = 0; i < all.count; i++) {
		if (!want_json) {
			printf("%s %s\n", all.items[i].unit, all.items[i].app);
			continue;
		}
		json_open(NULL, '{');
		json_string("unit", all.items[i].unit);
		json_string("app", all.items[i].app);
		json_close();
	}
	if (want_json)
		json_close();
	return 0;
}

/* What is left to do, once the file is there, or gone. */
static int tell(const char *unit, const char *done, const char *app)
{
	struct err err;
	char path[PATH_MAX];
	int reloaded = unit_reload(&err);

	unit_path(unit, path);
	if (want_json) {
		json_open(NULL, '{');
		json_string("unit", unit);
		json_string("app", app);
		json_string("path", path);
		json_bool("reloaded", reloaded > 0);
		json_close();
	} else {
		printf("%s %s\n", done, path);
	}
	if (reloaded < 0)
		warn("%s", err.text);
	if (want_json)
		return 0;
	if (reloaded < 0)
		puts("systemctl daemon-reload makes it known to systemd");
	if (reloaded == 0)
		puts("systemd does not run here: it reads the file when it starts");
	else
		printf("systemctl restart %s puts it in force\n", unit);
	return 0;
}

static int remove_one(const char *name, struct err *err)
{
	char unit[NAME_MAX + 1];
	int r = unit_file_name(name, unit, err);

	if (r == 0)
		r = unit_remove(unit, err);
	return r < 0 ? r : tell(unit, "removed", NULL);
}

/* The app that was named, or the one that the service starts. */
static int choose(struct policy *policy, const struct unit_file *unit, const char *named,
		  char app[PATH_MAX], struct err *err)
{
	AUTO_APP struct app found = {0};
	int r;

	if (!named)
		return unit_app(policy, unit, app, err);
	r = unit_fit(unit, err);
	if (r == 0)
		r = find_app(named, app, err);
	if (r < 0)
		return r;
	r = policy_app(policy, app, POLICY_NOW, &found, err);
	return r == -ENOENT ? err_set(err, ENOENT, "%s has no pins", named) : r;
}

static int make_text(struct policy *policy, const struct unit_file *unit, const char *named,
		     char app[PATH_MAX], char **text, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	int r = file ? choose(policy, unit, named, app, err) : err_nomem(err);

	if (r < 0)
		return r;
	r = plan_load(PINLIB_PLANS, app, 0, file, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "%s is not wrapped now: see 'pinlib refresh'", app);
	return r < 0 ? r : unit_text(app, &file->plan, text, err);
}

static void show(const char *unit, const char *app, const char *text)
{
	char path[PATH_MAX];

	if (!want_json) {
		fputs(text, stdout);
		return;
	}
	unit_path(unit, path);
	json_open(NULL, '{');
	json_string("unit", unit);
	json_string("app", app);
	json_string("path", path);
	json_string("text", text);
	json_close();
}

static int make(struct policy *policy, const char *name, const char *named, bool dry,
		struct err *err)
{
	AUTO_UNIT_FILE struct unit_file unit = {0};
	AUTO_FREE char *text = NULL;
	char app[PATH_MAX];
	int r = unit_file_read(name, &unit, err);

	if (r == 0)
		r = make_text(policy, &unit, named, app, &text, err);
	if (r < 0)
		return r;
	if (dry) {
		show(unit.name, app, text);
		return 0;
	}
	r = unit_write(unit.name, text, err);
	return r < 0 ? r : tell(unit.name, "wrote", app);
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	const char *app = NULL;
	bool dry = false, remove = false;
	struct err err;
	int c, r;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c == 'a')
			app = optarg;
		else if (c == 'n')
			dry = true;
		else if (c == 'r')
			remove = true;
		else
			return EXIT_USAGE;
	}
	if (argc - optind > 1)
		return misused(&command_unit, "one service at a time");
	if (optind == argc && (app || dry || remove))
		return misused(&command_unit, "which service?");
	if (remove && (app || dry))
		return misused(&command_unit, "--remove stands alone");
	r = session_begin(&session, &err);
	if (r == 0 && optind == argc)
		r = list(&err);
	else if (r == 0 && remove)
		r = remove_one(argv[optind], &err);
	else if (r == 0)
		r = make(session.policy, argv[optind], app, dry, &err);
	return r < 0 ? failed(&err) : EXIT_OK;
}

const struct command command_unit = {
	.name = "unit",
	.synopsis = "[--app APP] [--dry-run | --remove] [SERVICE] [--json]",
	.summary = "Have systemd give a service the view of its program",
	.options =
		"For services in which the wrapper cannot: NoNewPrivileges=, an empty "
		"CapabilityBoundingSet=,\n"
		"a SystemCallFilter= without mount calls. Nothing of the unit is loosened. Without "
		"SERVICE,\nlists those that were given one.\n"
		"  --app APP  the view of this program, if the service starts it by others\n"
		"  --dry-run  print the drop-in, and write nothing\n"
		"  --remove   remove the drop-in\n",
	.root = true,
	.run = run,
};
