#include "view/replaced.h"

#include "base/cleanup.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/trust.h"
#include "dpkg/installed.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* -- files that are to be hidden -- */

struct replacing {
	const struct composition *c; /* settled */
	const struct strings *covers;
	const char *app;
	struct strings
		gone; /* files that are to be hidden, and directories with perhaps nothing else */
	struct compose_dir last;
	struct trusted known;
};

static void replacing_free(struct replacing *w)
{
	strings_free(&w->gone);
}

/* Whether ld.so searches dir, which is canonical, by default: /usr/lib, /usr/lib/TRIPLET, or a directory for newer
 * processors there. */
static bool is_searched(const char *dir)
{
	const char *end = strstr(dir, "/glibc-hwcaps/"), *slash;
	size_t len = end ? (size_t)(end - dir) : strlen(dir);
	char top[PATH_MAX];

	snprintf(top, sizeof top, "%.*s", (int)len, dir);
	slash = strrchr(top, '/');
	if (strncmp(top, "/usr/lib", 8) != 0)
		return false;
	return (slash == top + 4 && strcmp(slash, "/libexec") != 0) ||
	       (slash == top + 8 && strstr(slash, "-linux-"));
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

static int compare_composed_path(const void *path, const void *composed)
{
	return strcmp(path, ((const struct composed *)composed)->path);
}

/* Whether the composition has something other than a directory above path: a link, or a whiteout of glibc's. */
static bool is_cut_off(const struct composition *c, const char *path)
{
	char above[PATH_MAX];

	for (path_dir(path, above); above[0] && above[1]; *strrchr(above, '/') = '\0') {
		const struct composed *it =
			bsearch(above, c->items, c->count, sizeof *c->items, compare_composed_path);

		if (it && it->entry.type != LAYER_DIR)
			return true;
	}
	return false;
}

static bool is_below_cover(const struct strings *covers, const char *path)
{
	for (size_t i = 0; i < covers->count; i++)
		if (path_below(path, covers->items[i]) && strcmp(path, covers->items[i]) != 0)
			return true;
	return false;
}

static bool may_hide(struct replacing *w, const char *path)
{
	char parent[PATH_MAX];
	struct err ignored;
	struct stat st;

	if (!compose_shows(path) || !is_below_cover(w->covers, path) || is_composed(w->c, path) ||
	    is_cut_off(w->c, path) || path_below(w->app, path) ||
	    !trust_dir_of(&w->known, path, &ignored) || lstat(path, &st) < 0)
		return false;
	path_dir(path, parent);
	if (!S_ISDIR(st.st_mode))
		return !is_searched(parent);
	return !mount_is_root(path) && trust_dir(&w->known, path, &ignored);
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

static int compare_entry_path(const void *path, const void *entry)
{
	return strcmp(path, ((const struct entry *)entry)->path);
}

/* Whether the version has this path, too: a directory, which the composition leaves to the live system. */
static bool has_path(const struct version *v, const char *path)
{
	return bsearch(path, v->entries, v->nentries, sizeof *v->entries, compare_entry_path);
}

static int add_files(struct replacing *w, const struct version *v,
		     const struct package_files *files, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->count; i++) {
		const struct package_file *f = &files->items[i];
		char path[PATH_MAX];

		if (f->from == f->path && !has_path(v, f->path) &&
		    find_installed(w, f->path, path) && may_hide(w, path))
			r = strings_add(&w->gone, path, err);
	}
	return r;
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

/* Each package of Debian has its copyright file in a directory of its name (Debian Policy, 12.5). A version
 * without the installed package's copyright file is a file or a tree that somebody gave the same name. */
static bool is_package(const struct version *v, const struct package_files *files)
{
	char doc[PATH_MAX];

	snprintf(doc, sizeof doc, "/usr/share/doc/%s", v->name);
	for (size_t i = 0; i < v->nentries; i++)
		if (path_below(v->entries[i].path, doc))
			return true;
	return !package_files_have(files, doc);
}

static bool are_alike(const struct version *v, const struct package *p)
{
	return strcmp(v->name, p->name) == 0 && package_archs_fit(v->arch, p->arch);
}

static int add_replaced(struct replacing *w, const struct version *v, struct err *err)
{
	struct installed live;
	int r = 0;

	for (size_t i = 0; r == 0 && installed_get(i, &live); i++)
		if (are_alike(v, live.package) && is_package(v, live.files))
			r = add_files(w, v, live.files, err);
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

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

/* The list is sorted. */
static bool is_gone(const struct replacing *w, const char *path)
{
	return bsearch(path, w->gone.items, w->gone.count, sizeof *w->gone.items, compare_name);
}

/* Whether dir is a directory in which something stays. */
static bool keeps_something(const struct replacing *w, const char *dir)
{
	struct stat st;
	bool is_dir = lstat(dir, &st) == 0 && S_ISDIR(st.st_mode);
	AUTO_DIR DIR *d = is_dir ? opendir(dir) : NULL;
	struct dirent *entry;
	bool keeps = is_dir && !d;

	while (d && !keeps && (entry = readdir(d))) {
		char path[PATH_MAX];
		struct err ignored;

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			keeps = path_join(dir, entry->d_name, path, &ignored) < 0 ||
				!is_gone(w, path);
	}
	return keeps;
}

/* Backwards: a directory sorts before what is below it. */
static void keep_directories(struct replacing *w)
{
	for (size_t i = w->gone.count; i-- > 0;) {
		if (!keeps_something(w, w->gone.items[i]))
			continue;
		free(w->gone.items[i]);
		w->gone.count--;
		memmove(&w->gone.items[i], &w->gone.items[i + 1],
			(w->gone.count - i) * sizeof *w->gone.items);
	}
}

int replaced_hide(struct composition *c, const struct versions *versions,
		  const struct strings *covers, const char *app, struct err *err)
{
	CLEANUP(replacing_free) struct replacing w = {.c = c, .covers = covers, .app = app};
	const struct composed whiteout = {.entry.type = LAYER_WHITEOUT};
	int r = add_all_replaced(&w, versions, err);

	strings_sort(&w.gone);
	keep_directories(&w);
	for (size_t i = 0; r == 0 && i < w.gone.count; i++) {
		char dir[PATH_MAX];

		path_dir(w.gone.items[i], dir);
		if (!is_gone(&w, dir))
			r = composition_add(c, w.gone.items[i], NULL, whiteout, err);
	}
	return r < 0 || w.gone.count == 0 ? r : composition_settle(c, err);
}
