#include "host/script.h"

#include "host/wrap.h"
#include "loader/program.h"

#include <string.h>

static int by_path(const void *path, const void *app)
{
	return strcmp(path, ((const struct app *)app)->path);
}

static bool wrapped(const struct apps *apps, const char *path)
{
	return bsearch(path, apps->items, apps->count, sizeof *apps->items, by_path);
}

/* other: the one of the two that could be unwrapped to make room; NULL if both are changed. */
static int refuse(const char *script, const char *interpreter, const char *other, struct err *err)
{
	int r = err_set(err, EEXIST,
			"%s is run by %s: they cannot both be wrapped, since the script would see "
			"that program's view and not its own pins",
			script, interpreter);
	size_t used = strlen(err->text);

	if (other)
		snprintf(err->text + used, sizeof err->text - used, " (first: 'pinlib unset %s')",
			 other);
	return r;
}

static int check_one(const struct apps *apps, const struct app *app, const struct strings *changed,
		     struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	char file[PATH_MAX];
	bool mine = strings_have(changed, app->path);
	struct err ignored;

	/* What cannot be read cannot run either; if it is to be changed, that will be told. */
	if (!wrap_is_script(app->path) || wrap_program(app->path, file, &ignored) < 0 ||
	    program_read(file, &program, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < program.way.count; i++) {
		const char *by = program.way.items[i];
		bool its = strings_have(changed, by);

		if ((mine || its) && wrapped(apps, by))
			return refuse(app->path, by, !its ? by : !mine ? app->path : NULL, err);
	}
	return 0;
}

int script_check(struct policy *policy, const struct strings *changed, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (apps.items[i].npins)
			r = check_one(&apps, &apps.items[i], changed, err);
	return r;
}

int script_check_one(struct policy *policy, const char *path, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	struct strings alone = {(char *[]){(char *)path}, 1};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);
	const struct app *app =
		r < 0 ? NULL : bsearch(path, apps.items, apps.count, sizeof *apps.items, by_path);

	return app && app->npins ? check_one(&apps, app, &alone, err) : r;
}
