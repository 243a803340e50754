#include "upgrade/program_files.h"

#include "base/cleanup.h"
#include "dpkg/owner.h"
#include "loader/closure.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(UNTOUCHED == OWNER_NONE, "a file that no package owns is not touched");

void program_files_free(struct program_files *files)
{
	free(files->items);
	ldview_free(&files->view);
	*files = (struct program_files){0};
}

/* The strings of the closure belong to the view. */
static int add_app(struct program_files *out, const char *path, size_t app, struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	struct program_file *items;
	struct err ignored;
	int r = closure_of(out->view, path, NULL, CLOSURE_NO_CWD, &c, &ignored);

	if (r == -ENOMEM)
		return err_nomem(err);
	items = reallocarray(out->items, out->count + c.count + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	out->items = items;
	items[out->count++] = (struct program_file){.path = path, .app = app, .program = true};
	for (size_t i = 1; i < c.count; i++)
		items[out->count++] = (struct program_file){.path = c.objects[i].canonical,
							    .soname = c.objects[i].elf->soname,
							    .app = app};
	return 0;
}

int program_files_read(const struct strings *apps, struct program_files *out, struct err *err)
{
	int r;

	*out = (struct program_files){0};
	r = ldview_new(NULL, &out->view, err);
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		r = add_app(out, apps->items[i], i, err);
	if (r < 0)
		program_files_free(out);
	return r;
}

/* -- files that changes touch -- */

void touched_free(struct touched *touched)
{
	free(touched->of);
	free(touched->libraries);
	*touched = (struct touched){0};
}

int program_files_touched(const struct program_files *files, const struct changes *changes,
			  struct touched *out, struct err *err)
{
	AUTO_FREE const char **queries = calloc(changes->count + 1, sizeof *queries);
	AUTO_FREE const char **paths = calloc(files->count + 1, sizeof *paths);

	*out = (struct touched){calloc(files->count + 1, sizeof *out->of),
				calloc(changes->count + 1, sizeof *out->libraries)};
	if (!out->of || !out->libraries || !queries || !paths)
		return err_nomem(err);
	for (size_t i = 0; i < changes->count; i++)
		queries[i] = changes->items[i].query;
	for (size_t i = 0; i < files->count; i++)
		paths[i] = files->items[i].path;
	return packages_match(queries, changes->count, paths, files->count, out->of, out->libraries,
			      err);
}
