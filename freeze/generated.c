/* Files that a package's scripts made on this machine belong to the package's version: Python's compiled modules, graphviz's
 * list of its plugins, the links in /etc by which PHP's modules are enabled. No package owns them. */
#include "base/cleanup.h"
#include "base/path.h"
#include "freeze/work.h"
#include "intake/intake.h"
#include "view/compose.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 20000 /* of one package */
#define DEPTH_MAX 8
#define PYCACHE "__pycache__"

/* Caches beside the files of many packages, in formats of the library that reads them. */
static const char *const shared_caches[] = {"gschemas.compiled", "giomodule.cache", "loaders.cache",
					    "immodules.cache"};

/* The generated files of one package. */
struct generated {
	struct freeze_work *w;
	size_t package;
	struct strings *known; /* paths that another package of this app has */
	struct strings paths;  /* links, too */
};

/* Whether packages have the directory, and all of these are frozen. A link that an administrator put in its place may lead to
 * files of anybody. */
static bool is_wholly_frozen(const struct freeze_work *w, const char *dir)
{
	const struct inventory *inventory = &w->machine->inventory;
	const struct inventory_path *p = inventory_find(inventory, dir);

	if (!p)
		return false;
	for (; p; p = inventory_next(inventory, p))
		if (!(w->marks[p->package] & FREEZE_MADE))
			return false;
	return true;
}

static int add_generated(struct generated *g, const char *path, struct err *err)
{
	if (g->paths.count == FILES_MAX || freeze_is_pinned(g->w, path))
		return 0;
	return strings_add(&g->paths, path, err);
}

/* The same for a file that other packages of the app may bring, too. */
static int add_generated_once(struct generated *g, const char *path, struct err *err)
{
	int r = strings_have(g->known, path) ? 0 : add_generated(g, path, err);

	return r < 0 ? r : strings_add_once(g->known, path, err);
}

/* "os.cpython-311.pyc" belongs to os.py. */
static bool is_compiled(const struct generated *g, const char *dir, const char *name)
{
	char source[PATH_MAX], file[NAME_MAX + 1];
	struct err ignored;

	if (!path_ends(name, ".pyc"))
		return false;
	snprintf(file, sizeof file, "%.*s.py", (int)strcspn(name, "."), name);
	return path_join(dir, file, source, &ignored) == 0 &&
	       inventory_owner(&g->w->machine->inventory, source) == g->package;
}

static int add_compiled(struct generated *g, const char *dir, struct err *err)
{
	char cache[PATH_MAX], path[PATH_MAX];
	AUTO_DIR DIR *d = path_join(dir, PYCACHE, cache, err) == 0 ? opendir(cache) : NULL;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && d && (entry = readdir(d)))
		if (is_compiled(g, dir, entry->d_name) &&
		    path_join(cache, entry->d_name, path, &(struct err){0}) == 0)
			r = add_generated(g, path, err);
	return r;
}

static int add_unowned(struct generated *g, const char *dir, int depth, struct err *err)
{
	AUTO_DIR DIR *d = depth > 0 ? opendir(dir) : NULL;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && d && (entry = readdir(d))) {
		const char *name = entry->d_name;
		char path[PATH_MAX];

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    strcmp(name, PYCACHE) == 0 ||
		    path_join(dir, name, path, &(struct err){0}) < 0 ||
		    inventory_find(&g->w->machine->inventory, path))
			continue;
		if (entry->d_type == DT_DIR)
			r = add_unowned(g, path, depth - 1, err);
		else if (entry->d_type == DT_REG || entry->d_type == DT_LNK)
			r = add_generated_once(g, path, err);
	}
	return r;
}

static int add_shared_caches(struct generated *g, const char *dir, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof shared_caches / sizeof *shared_caches; i++) {
		char path[PATH_MAX];

		if (path_join(dir, shared_caches[i], path, err) == 0 && access(path, R_OK) == 0 &&
		    !inventory_find(&g->w->machine->inventory, path))
			r = add_generated_once(g, path, err);
	}
	return r;
}

/* Whether views show files in the directory, be it only where the live system has lost them (view/config.h). */
static bool may_have_generated(const char *dir)
{
	return compose_shows(dir) || path_below(dir, "/etc");
}

static int find_generated(struct generated *g, const struct version *v, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->nentries; i++) {
		char dir[PATH_MAX];

		if (v->entries[i].type != ENTRY_DIR || !may_have_generated(v->entries[i].path) ||
		    path_below(v->entries[i].path, "/usr/local") || /* the administrator's */
		    !realpath(v->entries[i].path, dir))
			continue;
		r = add_compiled(g, dir, err);
		if (r == 0 && is_wholly_frozen(g->w, dir))
			r = add_unowned(g, dir, DEPTH_MAX, err);
		else if (r == 0)
			r = add_shared_caches(g, dir, err);
	}
	return r;
}

/* -- into the store -- */

/* For each path the file at its end, or "" for a link that a view could not follow. */
static int resolve_links(const struct generated *g, struct strings *targets, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->paths.count; i++) {
		const char *path = g->paths.items[i];
		char real[PATH_MAX];

		if (!realpath(path, real) || (strcmp(path, real) != 0 && !may_have_generated(real)))
			real[0] = '\0';
		r = strings_add(targets, real, err);
	}
	return r;
}

static int store_generated(struct generated *g, const struct package *p, struct err *err)
{
	AUTO_FREE struct intake_file *files = calloc(g->paths.count + 1, sizeof *files);
	AUTO_STRINGS struct strings targets = {0};
	const struct version *v = NULL;
	char name[256];
	size_t n = 0;
	int r;

	if (!files)
		return err_nomem(err);
	r = resolve_links(g, &targets, err);
	for (size_t i = 0; r == 0 && i < g->paths.count; i++) {
		const char *path = g->paths.items[i], *target = targets.items[i];
		struct err ignored;
		AUTO_FD int fd = target[0] ? intake_open_public(target, &ignored) : -1;

		if (fd >= 0) /* and is opened again: there may be thousands */
			files[n++] = (struct intake_file){-1, target,
							  strcmp(path, target) != 0 ? path : NULL};
	}
	if (r < 0 || n == 0)
		return r;
	snprintf(name, sizeof name, "%.200s" GENERATED, p->name);
	r = freeze_take_files(g->w->machine, files, n, name, p->version, &v, err);
	return r < 0 ? r : freeze_add_made(g->w, v, err);
}

int freeze_store_generated(struct freeze_work *w, struct err *err)
{
	AUTO_STRINGS struct strings known = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->machine->inventory.packages.count; i++) {
		struct generated g = {.w = w, .package = i, .known = &known};

		if (!(w->marks[i] & FREEZE_MADE))
			continue;
		r = find_generated(&g, &w->machine->packages[i].version, err);
		if (r == 0 && g.paths.count) {
			strings_sort(&g.paths);
			r = store_generated(&g, &w->machine->inventory.packages.items[i], err);
		}
		strings_free(&g.paths);
	}
	return r;
}
