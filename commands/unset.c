#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "commands/removed.h"
#include "policy/policy.h"
#include "store/store.h"
#include "upgrade/kept_run.h"

#include <string.h>

static struct {
	bool all, force;
} given;

static const struct command_option options[] = {
	FLAG(&given.all, "all", "unwrap every program"),
	FLAG(&given.force, "force", "even if the loader finds that APP would not work"),
	{0},
};

/* The pins of app that NAME names: by package, soname or stem. */
static int unpin_name(struct session *s, const struct app *app, const char *name, struct err *err)
{
	size_t found = 0;

	for (size_t i = 0; i < app->npins; i++) {
		AUTO_VERSION struct version v = {0};
		struct err why;
		int r = store_load(s->store, &app->pins[i].digest, &v, &why);
		/* The pin of a lost version can still be removed, by the name of its package. */
		bool named =
			r == 0 ? spec_matches_name(name, &v) : strcmp(name, app->pins[i].name) == 0;

		if (!named)
			continue;
		r = policy_unpin(s->policy, app->path, &app->pins[i].digest, err);
		if (r < 0)
			return r;
		found++;
	}
	if (!found)
		return err_set(err, ENOENT, "%s has no pin for %s; 'pinlib show %s' lists them",
			       app->path, name, app->path);
	return 0;
}

static int unset_names(struct session *s, const char *path, char **names, size_t n, struct err *err)
{
	AUTO_APP struct app app = {0}, left = {0};
	int r = policy_app(s->policy, path, POLICY_NOW, &app, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = unpin_name(s, &app, names[i], err);
	if (r == 0 && n > 0)
		r = policy_app(s->policy, path, POLICY_NOW, &left, err);
	if (r < 0 || left.npins)
		return r;
	/* The filter of an app without pins stays; a reason is one for pins. */
	return left.confined.profile ? policy_explain(s->policy, path, NULL, 0, err)
				     : policy_unwrap(s->policy, path, err);
}

static int unset_all(struct session *s, struct strings *paths, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(s->policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++) {
		r = strings_add(paths, apps.items[i].path, err);
		if (r == 0)
			r = policy_unwrap(s->policy, apps.items[i].path, err);
	}
	return r;
}

static int unset_one(struct session *s, struct strings *paths, char **args, size_t n,
		     struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	char app[PATH_MAX] = "";
	/* A program that is gone, or has become a link, can still be named. */
	int r = policy_apps(s->policy, POLICY_NOW, &apps, err);

	if (r == 0)
		r = find_pinned(&apps, args[0], app, err);
	if (r == 0)
		r = strings_add(paths, app, err);
	return r < 0 ? r : unset_names(s, app, args + 1, n - 1, err);
}

/* The commands of 'pinlib check --run' go with the last pin. */
static void forget_runs(struct session *s, const struct strings *paths)
{
	for (size_t i = 0; i < paths->count; i++) {
		AUTO_APP struct app now = {0};
		struct err why;

		if (policy_app(s->policy, paths->items[i], POLICY_NOW, &now, &why) == -ENOENT &&
		    kept_run_remove(paths->items[i], &why) < 0)
			warn("%s", why.text);
	}
}

static int print_unset(struct session *s, const struct strings *paths, struct err *err)
{
	int r;

	json_open(NULL, '{');
	json_strings("apps", paths);
	json_number("generation", s->generation);
	r = removed_print(s, paths, err);
	json_close();
	print_line("generation %lld", (long long)s->generation);
	return r;
}

static int run_unset(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_STRINGS struct strings paths = {0};
	int r;

	if (given.all == (count > 0))
		return misused(given.all ? "--all does not go with APP" : "missing APP");
	r = session_begin(&session, err);
	if (r == 0)
		r = given.all ? unset_all(&session, &paths, err)
			      : unset_one(&session, &paths, operands, (size_t)count, err);
	if (r == 0)
		r = session_activate(&session, &paths, given.force);
	if (r)
		return r;
	forget_runs(&session, &paths);
	return print_unset(&session, &paths, err);
}

const struct command command_unset = {
	.name = "unset",
	.group = GROUP_PIN,
	.summary = "Remove pins; without any the original returns",
	.text = "Without NAME all pins of APP are removed.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true},
		     {.name = "NAME", .kind = ARG_PIN, .optional = true, .repeats = true}},
	.json = true,
	.root = true,
	.run = run_unset,
};
