#include "host/unit.h"

#include "base/paths.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

static struct {
	const char *app;
	bool dry_run, remove;
} given;

static const struct command_option options[] = {
	OPTION(&given.app, "app", ARG_PINNED, "APP",
	       "the program whose view it is, if the service starts it through others"),
	FLAG(&given.dry_run, "dry-run", "print the drop-in and write nothing"),
	FLAG(&given.remove, "remove", "remove the drop-in"),
	{0},
};

static int list_drop_ins(struct err *err)
{
	AUTO_UNITS struct unit_drop_ins all = {0};
	int r = units_list(&all, err);

	if (r < 0)
		return r;
	json_open(NULL, '[');
	for (size_t i = 0; i < all.count; i++) {
		print_line("%s %s", all.items[i].unit, all.items[i].app);
		json_record("unit %s app %s", all.items[i].unit, all.items[i].app);
	}
	json_close();
	return 0;
}

/* Says what happened to the drop-in, and what is left to do. */
static int say_done(const char *unit, const char *done, const char *app)
{
	struct err err;
	char path[PATH_MAX];
	int reloaded = unit_reload(&err);

	unit_path(unit, path);
	json_record("unit %s app %s path %s reloaded %d", unit, app, path, reloaded > 0);
	print_line("%s %s", done, path);
	if (reloaded < 0) {
		warn("%s", err.text);
		print_line("run 'systemctl daemon-reload': systemd has not read the drop-in yet");
	}
	if (reloaded == 0)
		print_line("systemd does not run here; it reads the drop-in when it starts");
	else
		print_line("run 'systemctl restart %s' to use it", unit);
	return 0;
}

static int remove_one(const char *name, struct err *err)
{
	char unit[NAME_MAX + 1];
	int r = unit_file_name(name, unit, err);

	if (r == 0)
		r = unit_remove(unit, err);
	return r < 0 ? r : say_done(unit, "removed", NULL);
}

/* The app that was named, or the one that the service starts. */
static int choose_app(struct policy *policy, const struct unit_file *unit, char app[PATH_MAX],
		      struct err *err)
{
	AUTO_APP struct app found = {0};
	int r;

	if (!given.app)
		return unit_app(policy, unit, app, err);
	r = unit_fit(unit, err);
	if (r == 0)
		r = find_app(given.app, app, err);
	if (r < 0)
		return r;
	r = policy_app(policy, app, POLICY_NOW, &found, err);
	return r == -ENOENT ? err_set(err, ENOENT,
				      "%s has no pins; 'pinlib set %s NAME=VERSION' adds one",
				      given.app, given.app)
			    : r;
}

static int drop_in_text(struct policy *policy, const struct unit_file *unit, char app[PATH_MAX],
			char **text, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	int r;

	if (!file)
		return err_nomem(err);
	r = choose_app(policy, unit, app, err);
	if (r < 0)
		return r;
	r = plan_load(PINLIB_PLANS, app, 0, file, err);
	if (r == -ENOENT)
		return err_set(
			err, ENOENT,
			"%s is not wrapped now: 'pinlib doctor --repair' wraps it, or says why "
			"not",
			app);
	if (r == 0 && file->plan.seal)
		return err_set(err, EINVAL, "%s is sealed: it needs no view, and no drop-in", app);
	return r < 0 ? r : unit_text(app, &file->plan, text, err);
}

static void print_drop_in(const char *unit, const char *app, const char *text)
{
	char path[PATH_MAX];

	unit_path(unit, path);
	json_record("unit %s app %s path %s text %s", unit, app, path, text);
	if (!want_json)
		fputs(text, stdout);
}

static int make_drop_in(struct policy *policy, const char *name, struct err *err)
{
	AUTO_UNIT_FILE struct unit_file unit = {0};
	AUTO_FREE char *text = NULL;
	char app[PATH_MAX];
	int r = unit_file_read(name, &unit, err);

	if (r == 0)
		r = drop_in_text(policy, &unit, app, &text, err);
	if (r < 0)
		return r;
	if (given.dry_run) {
		print_drop_in(unit.name, app, text);
		return 0;
	}
	r = unit_write(unit.name, text, err);
	return r < 0 ? r : say_done(unit.name, "wrote", app);
}

static int run_unit(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};

	if (count == 0 && (given.app || given.dry_run || given.remove))
		return misused("missing SERVICE");
	if (given.remove && (given.app || given.dry_run))
		return misused("--remove does not go with --app or --dry-run");
	if (session_begin(&session, err) < 0)
		return EXIT_ERR;
	if (count == 0)
		return list_drop_ins(err);
	return given.remove ? remove_one(operands[0], err)
			    : make_drop_in(session.policy, operands[0], err);
}

const struct command command_unit = {
	.name = "unit",
	.group = GROUP_RUN,
	.summary = "Have systemd mount the view for a service",
	.text = "For services in which the wrapper cannot do so: with NoNewPrivileges=, an empty "
		"CapabilityBoundingSet=, or a SystemCallFilter= without mount calls. Nothing of "
		"the unit is loosened. Without SERVICE, lists the services that have such a "
		"drop-in.",
	.options = options,
	.operands = {{.name = "SERVICE", .kind = ARG_TEXT, .optional = true}},
	.json = true,
	.root = true,
	.run = run_unit,
};
