#include "view/replaced.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/trust.h"
#include "dpkg/installed.h"
#include "loader/hwcaps.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* -- files that are to be hidden -- */

struct replaced_file {
	char *path;
	const struct version *by;
	bool dir, kept;
};

struct replacing {
	const struct composition *c; /* settled */
	const struct strings *covers;
	const char *app;
	struct replaced_file *items;
	size_t count;
	struct compose_dir last;
	struct trusted known;
};

static void replacing_free(struct replacing *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->items[i].path);
	free(w->items);
}

/* Whether ld.so searches dir, which is canonical, by default: /usr/lib, /usr/lib/TRIPLET, or a directory for newer
 * processors there. */
static bool is_searched(const char *dir)
{
	static const char *const tops[] = {"/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32"};
	const char *hwcaps = strstr(dir, "/glibc-hwcaps/");
	char top[PATH_MAX];

	snprintf(top, sizeof top, "%.*s", hwcaps ? (int)(hwcaps - dir) : PATH_MAX, dir);
	for (char *slash; hwcaps_is_legacy(path_base(top)) && (slash = strrchr(top, '/'));)
		*slash = '\0';
	if (strncmp(top, "/usr/lib/", 9) == 0 && strstr(top, "-linux-") && !strchr(top + 9, '/'))
		return true;
	for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
		if (strcmp(top, tops[i]) == 0)
			return true;
	return false;
}

/* Whether the composition has something at path or below it. */
static bool is_composed(const struct composition *c, const char *path)
{
	size_t from = 0, to = c->count, len = strlen(path);

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(c->items[middle].path, path) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	/* "a.b" sorts between "a" and "a/b". */
	for (; from < c->count && strncmp(c->items[from].path, path, len) == 0; from++)
		if (path_below(c->items[from].path, path))
			return true;
	return false;
}

static bool is_below_cover(const struct strings *covers, const char *path)
{
	for (size_t i = 0; i < covers->count; i++)
		if (path_below(path, covers->items[i]) && strcmp(path, covers->items[i]) != 0)
			return true;
	return false;
}

static bool may_hide(struct replacing *w, const char *path, bool *dir)
{
	char parent[PATH_MAX];
	struct err ignored;
	struct stat st;

	if (!compose_shows(path) || !is_below_cover(w->covers, path) || is_composed(w->c, path) ||
	    path_below(w->app, path) || !trust_dir_of(&w->known, path, &ignored) ||
	    lstat(path, &st) < 0)
		return false;
	*dir = S_ISDIR(st.st_mode);
	path_dir(path, parent);
	return *dir ? !mount_is_root(path) : !is_searched(parent);
}

/* The canonical path of a package's file. False where a link leads elsewhere: a user may have made it. /lib is one on
 * a merged system. */
static bool find_installed(struct replacing *w, const char *listed, char path[PATH_MAX])
{
	struct err ignored;

	return compose_live_path(&w->last, listed, path, &ignored) == 0 &&
	       (strcmp(path, listed) == 0 ||
		(path_below(path, "/usr") && strcmp(path + strlen("/usr"), listed) == 0));
}

static int add_files(struct replacing *w, const struct package_files *files,
		     const struct version *by, struct err *err)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct package_file *f = &files->items[i];
		char path[PATH_MAX];
		bool dir;

		if (f->from != f->path || !find_installed(w, f->path, path) ||
		    !may_hide(w, path, &dir))
			continue;
		if (ARRAY_GROW(w->items, w->count, err) < 0)
			return -ENOMEM;
		w->items[w->count] = (struct replaced_file){strdup(path), by, dir, false};
		if (!w->items[w->count++].path)
			return err_nomem(err);
	}
	return 0;
}

/* -- the versions that are packages -- */

/* Whether the version has files outside of the directories that ld.so searches. */
static int has_private_files(const struct version *v, bool *out, struct err *err)
{
	struct compose_dir last = {0};

	*out = false;
	for (size_t i = 0; i < v->nentries && !*out; i++) {
		char path[PATH_MAX], dir[PATH_MAX];
		int r;

		if (v->entries[i].type == ENTRY_DIR || !compose_shows(v->entries[i].path))
			continue;
		r = compose_live_path(&last, v->entries[i].path, path, err);
		if (r < 0)
			return r;
		path_dir(path, dir);
		*out = !is_searched(dir);
	}
	return 0;
}

static bool lists_path(const struct package_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->items[i].path, path) == 0)
			return true;
	return false;
}

/* Each package of Debian has its copyright file in a directory of its name (Debian Policy, 12.5). A version that
 * lacks the installed package's is a file or a tree that somebody gave the same name. */
static bool is_package(const struct version *v, const struct package_files *files)
{
	char doc[PATH_MAX];

	snprintf(doc, sizeof doc, "/usr/share/doc/%s", v->name);
	for (size_t i = 0; i < v->nentries; i++)
		if (path_below(v->entries[i].path, doc))
			return true;
	return !lists_path(files, doc);
}

static bool are_alike(const struct version *v, const struct package *p)
{
	return strcmp(v->name, p->name) == 0 &&
	       (strcmp(v->arch, p->arch) == 0 || strcmp(v->arch, "all") == 0 ||
		strcmp(p->arch, "all") == 0);
}

static int add_replaced(struct replacing *w, const struct version *v, struct err *err)
{
	struct installed live;
	int r = 0;

	for (size_t i = 0; r == 0 && installed_get(i, &live); i++)
		if (are_alike(v, live.package) && is_package(v, live.files))
			r = add_files(w, live.files, v, err);
	return r;
}

static int add_all_replaced(struct replacing *w, const struct versions *versions, struct err *err)
{
	AUTO_STRINGS struct strings names = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < versions->count; i++) {
		bool asks;

		r = has_private_files(&versions->items[i], &asks, err);
		if (r == 0 && asks)
			r = strings_add_once(&names, versions->items[i].name, err);
	}
	if (r == 0)
		r = installed_ask(&names, err);
	for (size_t i = 0; r == 0 && i < versions->count; i++)
		if (strings_have(&names, versions->items[i].name))
			r = add_replaced(w, &versions->items[i], err);
	return r;
}

/* -- whole directories -- */

static int by_replaced_path(const void *a, const void *b)
{
	const struct replaced_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static struct replaced_file *find_replaced(const struct replacing *w, const char *path)
{
	const struct replaced_file key = {.path = (char *)path};

	return bsearch(&key, w->items, w->count, sizeof key, by_replaced_path);
}

static void sort_replaced(struct replacing *w)
{
	size_t kept = 0;

	if (w->count)
		qsort(w->items, w->count, sizeof *w->items, by_replaced_path);
	for (size_t i = 0; i < w->count; i++)
		if (kept && strcmp(w->items[kept - 1].path, w->items[i].path) == 0)
			free(w->items[i].path);
		else
			w->items[kept++] = w->items[i];
	w->count = kept;
}

/* Whether everything in the directory goes. */
static bool goes_whole(const struct replacing *w, const char *dir)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		const struct replaced_file *f;
		char path[PATH_MAX];
		struct err ignored;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (path_join(dir, entry->d_name, path, &ignored) < 0)
			return false;
		f = find_replaced(w, path);
		if (!f || f->kept)
			return false;
	}
	return d != NULL;
}

static int add_whiteouts(struct replacing *w, struct composition *c, struct err *err)
{
	int r = 0;

	/* Backwards: a directory comes after what is below it. */
	for (size_t i = w->count; i-- > 0;)
		w->items[i].kept = w->items[i].dir && !goes_whole(w, w->items[i].path);
	for (size_t i = 0; r == 0 && i < w->count; i++) {
		const struct composed whiteout = {.from = w->items[i].by,
						  .entry.type = LAYER_WHITEOUT};
		const struct replaced_file *above;
		char dir[PATH_MAX];

		path_dir(w->items[i].path, dir);
		above = find_replaced(w, dir);
		if (!w->items[i].kept && (!above || above->kept))
			r = composition_add(c, w->items[i].path, NULL, whiteout, err);
	}
	return r;
}

int replaced_hide(struct composition *c, const struct versions *versions,
		  const struct strings *covers, const char *app, struct err *err)
{
	CLEANUP(replacing_free) struct replacing w = {.c = c, .covers = covers, .app = app};
	int r = add_all_replaced(&w, versions, err);

	sort_replaced(&w);
	if (r < 0 || w.count == 0)
		return r;
	r = add_whiteouts(&w, c, err);
	return r < 0 ? r : composition_settle(c, err);
}
