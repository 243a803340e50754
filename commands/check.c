#include "base/paths.h"
#include "base/progress.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "policy/caution.h"
#include "policy/policy.h"
#include "policy/profile.h"
#include "store/store.h"
#include "view/verdict.h"

#include <stdio.h>
#include <string.h>

static bool every;

static const struct command_option options[] = {
	FLAG(&every, "all", "every program; this is the default"),
	{0},
};

static void json_verdict(const struct app *app, const struct verdict *v)
{
	json_open(NULL, '{');
	json_members("app %s holds %d forced %d", app->path, v->against.count == 0, app->forced);
	json_strings("against", &v->against);
	json_strings("remarks", &v->remarks);
	json_strings("effects", &v->effects);
	json_close();
}

/* One line for each app: the first reason against its view, or else the first pin without effect, and
 * how many others there are. */
static void print_first(const struct app *app, const struct verdict *v)
{
	const struct strings *first = v->against.count ? &v->against : &v->effects;

	printf("%s: %s%s", app->path, v->against.count ? "" : "ok",
	       first == &v->effects && first->count ? ", but " : "");
	if (first->count)
		printf("%s", printable(first->items[0]));
	if (first->count > 1)
		printf(" (and %zu more)", first->count - 1);
	if (v->remarks.count)
		printf(" [%zu remark%s]", v->remarks.count, v->remarks.count > 1 ? "s" : "");
	printf("\n");
}

static void print_notes(const struct strings *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		printf("  note: %s\n", printable(notes->items[i]));
}

/* All reasons and remarks, for an app that was named. */
static void print_whole(const struct app *app, const struct verdict *v)
{
	if (v->against.count == 0)
		printf("%s: ok\n", app->path);
	for (size_t i = 0; i < v->against.count; i++)
		printf("%s: %s\n", app->path, printable(v->against.items[i]));
	print_notes(&v->effects);
	print_notes(&v->remarks);
}

/* Returns 1 if the view works. A view that cannot be tested does not. */
static int check_app(struct store *store, const struct app *app, const struct caution *caution,
		     bool alone, struct err *err)
{
	AUTO_VERDICT struct verdict v = {0};
	char changed[ERR_TEXT_MAX];
	struct err why;
	int r = verdict_reach_current(store, app, &v, &why);

	if (r != -ENOMEM && profile_changed(&app->confined, changed) &&
	    strings_addf(&v.remarks, err, "%s", changed) < 0)
		return -ENOMEM;
	if (r == -ENOMEM)
		return err_nomem(err);
	if (caution &&
	    strings_addf(&v.remarks, err, "%s; %s", caution->reason, caution->remedy) < 0)
		return -ENOMEM;
	if (r < 0) {
		r = strings_addf(&v.against, err, "%s", why.text);
		if (r < 0)
			return r;
	}
	progress_hide();
	if (want_json)
		json_verdict(app, &v);
	else if (alone)
		print_whole(app, &v);
	else
		print_first(app, &v);
	return v.against.count == 0;
}

static int check_apps(struct store *store, const struct apps *apps, bool alone, struct err *err)
{
	AUTO_CAUTIONS struct cautions cautions = {0};
	AUTO_FREE const struct caution **of = calloc(apps->count + 1, sizeof *of);
	bool all = true;
	int r = of ? cautions_read(&cautions, warn_report, NULL, err) : err_nomem(err);

	if (r == 0)
		r = cautions_find_pinned(&cautions, apps, of, err);
	if (r < 0)
		return r;
	json_open(NULL, '[');
	progress_begin("testing views", PROGRESS_ITEMS, apps->count);
	for (size_t i = 0; r >= 0 && i < apps->count; i++) {
		r = check_app(store, &apps->items[i], of[i], alone, err);
		all &= r == 1;
		progress_step(1);
		fflush(stdout);
	}
	progress_end();
	json_close();
	return r < 0 ? r : all;
}

static int check_one(struct policy *policy, struct store *store, const char *name, struct err *err)
{
	AUTO_APP struct app app = {0};
	struct apps one = {&app, 1};
	char path[PATH_MAX];
	int r = find_app(name, path, err);

	if (r < 0)
		return r;
	r = policy_app(policy, path, POLICY_NOW, &app, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "%s has no pins; 'pinlib set %s NAME=VERSION' adds one",
			       path, path);
	return r < 0 ? r : check_apps(store, &one, true, err);
}

static int check_all(struct policy *policy, struct store *store, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	return r < 0 ? r : check_apps(store, &apps, false, err);
}

static int run_check(int count, char **operands, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_STORE struct store *store = NULL;
	int r;

	if (every && count > 0)
		return misused("--all does not go with APP");
	if (geteuid() != 0)
		return err_set(err, EPERM,
			       "'pinlib check' must be run as root: it builds views to test them");
	progress_show();
	if (policy_open(&policy, err) < 0 || store_open(PINLIB_STORE, true, &store, err) < 0)
		return EXIT_ERR;
	r = count > 0 ? check_one(policy, store, operands[0], err) : check_all(policy, store, err);
	if (r < 0)
		return r;
	return r ? EXIT_OK : EXIT_FAIL;
}

const struct command command_check = {
	.name = "check",
	.group = GROUP_LOOK,
	.summary = "Test whether pinned programs still work",
	.text = "Builds each view in force on the live system as it is now, and asks its loader. "
		"Prints one line for each program, or all reasons for a single APP, and names pins "
		"without effect. The exit status is 1 if a program would not work. The programs "
		"are not run.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true}},
	.json = true,
	.host = true,
	.run = run_check,
};
