#include "host/app_file.h"

#include "base/paths.h"
#include "host/wrap.h"
#include "policy/supply.h"
#include "store/object.h"

#include <stdio.h>

int app_file_of(const struct app *app, const struct versions *pinned, char file[PATH_MAX],
		const struct entry **supplied, struct err *err)
{
	const struct entry *e = NULL;
	char object[OBJECT_PATH];
	int r = supply_find(app, pinned, &e, err);

	if (r < 0)
		return r;
	if (supplied)
		*supplied = e;
	if (!e)
		return wrap_program(app->path, file, err);
	object_path(&e->content, object);
	snprintf(file, PATH_MAX, PINLIB_STORE "/objects/%s", object);
	return 0;
}

int app_file_find(struct store *store, const struct app *app, char file[PATH_MAX], struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	int r = app->npins ? supply_load(store, app, &pinned, err) : 0;

	return r < 0 ? r : app_file_of(app, &pinned, file, NULL, err);
}

bool app_is_supplied(struct store *store, const struct app *app)
{
	AUTO_VERSIONS struct versions pinned = {0};
	const struct entry *e = NULL;
	struct err ignored;

	if (app->program)
		return true;
	return app->npins && supply_load(store, app, &pinned, &ignored) == 0 &&
	       supply_find(app, &pinned, &e, &ignored) == 0 && e;
}
