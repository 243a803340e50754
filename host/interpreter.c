#include "host/interpreter.h"

#include "host/app_file.h"
#include "host/stub.h"
#include "loader/program.h"

#include <string.h>

static int compare_app_path(const void *path, const void *app)
{
	return strcmp(path, ((const struct app *)app)->path);
}

static bool is_wrapped(const struct apps *apps, const char *path)
{
	return bsearch(path, apps->items, apps->count, sizeof *apps->items, compare_app_path);
}

/* other: the one of the two that can be unwrapped instead; NULL: both are being changed. */
static int refuse_pair(const char *script, const char *interpreter, const char *other,
		       struct err *err)
{
	int r = err_set(err, EEXIST,
			"%s is run by %s: they cannot both be wrapped, since the script would lose "
			"its pins in the view of that program",
			script, interpreter);
	size_t used = strlen(err->text);

	if (other)
		snprintf(err->text + used, sizeof err->text - used,
			 "; unwrap the other one first ('pinlib unset %s')", other);
	return r;
}

static int check_script(struct store *store, const struct apps *apps, const struct app *app,
			const struct strings *changed, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	char file[PATH_MAX];
	bool mine = strings_have(changed, app->path);
	struct err ignored;

	/* A script that cannot be read cannot run either. If it is among changed, wrap_fit reports
	 * it. */
	if (app_file_find(store, app, file, &ignored) < 0 || !stub_is_script(file) ||
	    app_program_find(store, app, file, &program, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < program.way.count; i++) {
		const char *by = program.way.items[i];
		bool its = strings_have(changed, by);

		if ((mine || its) && is_wrapped(apps, by))
			return refuse_pair(app->path, by,
					   !its	   ? by
					   : !mine ? app->path
						   : NULL,
					   err);
	}
	return 0;
}

int interpreter_check(struct policy *policy, struct store *store, const struct strings *changed,
		      struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (apps.items[i].npins)
			r = check_script(store, &apps, &apps.items[i], changed, err);
	return r;
}

int interpreter_check_app(struct store *store, const struct apps *apps, const struct app *app,
			  struct err *err)
{
	struct strings alone = {&(char *){app->path}, 1};

	return app->npins ? check_script(store, apps, app, &alone, err) : 0;
}
