#include "host/app_file.h"

#include "base/paths.h"
#include "host/sealed.h"
#include "host/wrap.h"
#include "policy/supply.h"
#include "store/object.h"

#include <stdio.h>
#include <unistd.h>

static const char *further_store; /* NULL: there is none */

void app_file_add_store(const char *root)
{
	further_store = root;
}

static void name_object(const struct entry *e, char file[PATH_MAX])
{
	char object[OBJECT_PATH];

	object_path(&e->content, object);
	snprintf(file, PATH_MAX, PINLIB_STORE "/objects/%s", object);
	if (further_store && access(file, F_OK) < 0)
		snprintf(file, PATH_MAX, "%s/objects/%s", further_store, object);
}

int app_file_of(const struct app *app, const struct versions *pinned, char file[PATH_MAX],
		const struct entry **supplied, struct err *err)
{
	const struct entry *e = NULL;
	int r = supply_find(app, pinned, &e, err);

	if (r < 0)
		return r;
	if (supplied)
		*supplied = e;
	if (!e)
		return wrap_program(app->path, file, err);
	name_object(e, file);
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

/* -- the program itself -- */

static bool find_supplied(void *way, const char *path, char canonical[PATH_MAX],
			  char file[PATH_MAX])
{
	const struct entry *e = supply_follow(way, path, canonical);

	if (e)
		name_object(e, file);
	return e;
}

int app_program_read(const char *file, struct supply_way *way, struct program *out, struct err *err)
{
	const struct program_source source = {find_supplied, way};

	return program_read_from(file, &source, out, err);
}

int app_program_find(struct store *store, const struct app *app, char file[PATH_MAX],
		     struct program *out, struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	struct supply_way way = {.pinned = &pinned};
	const struct entry *supplied = NULL;
	int r = app->npins ? supply_load(store, app, &pinned, err) : 0;

	if (r == 0)
		r = app_file_of(app, &pinned, file, &supplied, err);
	if (r == 0)
		r = app_program_read(file, &way, out, err);
	if (r == 0 && out->kind == PROGRAM_ELF)
		out->shown = supplied || sealed_is_present(app->path);
	return r;
}
