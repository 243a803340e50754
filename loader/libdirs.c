#include "loader/libdirs.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "loader/closure.h"
#include "loader/hwcaps.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 65536 /* looked at for one soname */
#define DEPTH_MAX 4	/* of legacy subdirectories in each other */

struct libdirs {
	struct sysroot sysroot; /* live but for the program */
	char *path, *shown;	/* of the sysroot */
	struct ldview *view;
	struct closure closure;
	struct strings paths;	  /* of DT_RPATH and DT_RUNPATH in the closure, canonical */
	struct strings libraries; /* files of the closure, canonical */
	size_t looked;		  /* files looked at for one soname */
};

void libdirs_free(struct libdirs **dirs)
{
	if (!*dirs)
		return;
	strings_free(&(*dirs)->paths);
	strings_free(&(*dirs)->libraries);
	closure_free(&(*dirs)->closure);
	ldview_free(&(*dirs)->view);
	free((*dirs)->path);
	free((*dirs)->shown);
	free(*dirs);
	*dirs = NULL;
}

/* The canonical path of a directory, if it exists. */
static int add_real(const char *dir, struct strings *out, struct err *err)
{
	char real[PATH_MAX];

	return realpath(dir, real) ? strings_add_once(out, real, err) : 0;
}

/* The directories of needs with a '/': a file there may have a pinned name. */
static int add_named_dirs(struct libdirs *d, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->closure.count; i++)
		for (size_t k = 0; r == 0 && k < d->closure.objects[i].nneeds; k++) {
			const struct need *n = &d->closure.objects[i].needs[k];
			char dir[PATH_MAX];

			if (n->rule != RULE_PATH || !n->path || strlen(n->path) >= PATH_MAX)
				continue;
			path_dir(n->path, dir);
			r = add_real(dir, &d->paths, err);
		}
	return r;
}

/* The directories of all search paths, those too in which the loader finds nothing or does not look. */
static int add_path_dirs(struct libdirs *d, struct err *err)
{
	AUTO_STRINGS struct strings named = {0};
	int r = closure_paths(&d->closure, d->view, CLOSURE_NO_CWD, &named, err);

	for (size_t i = 0; r == 0 && i < named.count; i++)
		r = add_real(named.items[i], &d->paths, err);
	return r < 0 ? r : add_named_dirs(d, err);
}

static int add_libraries(struct libdirs *d, struct err *err)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < d->closure.count; i++)
		if (d->closure.objects[i].wanted)
			r = strings_add_once(&d->libraries, d->closure.objects[i].canonical, err);
	return r;
}

static int put_in_place(struct libdirs *d, const char *path, const char *shown, struct err *err)
{
	if (!shown)
		return 0;
	d->path = strdup(path);
	d->shown = strdup(shown);
	d->sysroot = (struct sysroot){.app = d->path, .real = d->shown};
	return d->path && d->shown ? 0 : err_nomem(err);
}

int libdirs_new(const char *path, const char *shown, struct libdirs **out, struct err *err)
{
	CLEANUP(libdirs_free) struct libdirs *d = calloc(1, sizeof *d);
	int r;

	if (!d)
		return err_nomem(err);
	r = put_in_place(d, path, shown, err);
	if (r == 0)
		r = ldview_new(shown ? &d->sysroot : NULL, &d->view, err);
	if (r == 0)
		r = closure_of(d->view, path, NULL, CLOSURE_NO_CWD, &d->closure, err);
	if (r == 0)
		r = add_path_dirs(d, err);
	if (r == 0)
		r = add_libraries(d, err);
	if (r < 0)
		return r;
	*out = d;
	d = NULL;
	return 0;
}

const struct strings *libdirs_libraries(const struct libdirs *d)
{
	return &d->libraries;
}

/* -- one soname -- */

/* Whether a file exists and is of the program's architecture: the loader passes over others. */
static int fits(struct libdirs *d, const char *path, bool *yes, struct err *err)
{
	const struct loader *loader = d->closure.loader;
	const struct cached_path *at;
	int r = filecache_path(ldview_files(d->view), path, &at, err);

	if (r == 0)
		*yes = !at->error && at->file->info.is_elf && !at->file->info.why &&
		       at->file->info.elf.class == loader->class &&
		       at->file->info.elf.machine == loader->machine;
	return r;
}

static int add_dir_with(struct libdirs *d, const char *dir, const char *soname, struct strings *out,
			struct err *err)
{
	char path[PATH_MAX];
	struct err ignored;
	bool yes = false;
	int r;

	if (++d->looked > FILES_MAX)
		return err_set(err, E2BIG, "the loader may look for %s in more than %d places",
			       soname, FILES_MAX);
	if (path_join(dir, soname, path, &ignored) < 0)
		return 0;
	r = fits(d, path, &yes, err);
	return r < 0 || !yes ? r : add_real(dir, out, err);
}

/* All directories below a glibc-hwcaps. */
static int add_hwcaps(struct libdirs *d, const char *dir, const char *soname, struct strings *out,
		      struct err *err)
{
	AUTO_DIR DIR *stream = opendir(dir);
	struct dirent *entry;
	struct err ignored;
	int r = 0;

	while (r == 0 && stream && (entry = readdir(stream))) {
		char sub[PATH_MAX];

		if (entry->d_name[0] != '.' && path_join(dir, entry->d_name, sub, &ignored) == 0)
			r = add_dir_with(d, sub, soname, out, err);
	}
	return r;
}

/* A directory and its variants: all below glibc-hwcaps, and the legacy names and their combinations.
 * Legacy names are tried one by one: listing a directory of thousands of libraries takes longer. */
static int add_variants(struct libdirs *d, const char *dir, const char *soname, int depth,
			struct strings *out, struct err *err)
{
	static const char hwcaps[] = "glibc-hwcaps";
	const char *name = hwcaps;
	int r = add_dir_with(d, dir, soname, out, err);

	for (size_t i = 0; r == 0 && depth > 0 && name; name = hwcaps_legacy(i++)) {
		char sub[PATH_MAX];
		struct err ignored;
		bool there = false;

		if (path_join(dir, name, sub, &ignored) == 0)
			r = filecache_dir(ldview_files(d->view), sub, &there, err);
		if (r == 0 && there)
			r = name == hwcaps ? add_hwcaps(d, sub, soname, out, err)
					   : add_variants(d, sub, soname, depth - 1, out, err);
	}
	return r;
}

static int add_all_variants(struct libdirs *d, const struct strings *dirs, const char *soname,
			    struct strings *out, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < dirs->count; i++)
		r = add_variants(d, dirs->items[i], soname, DEPTH_MAX, out, err);
	return r;
}

static int add_cached(struct libdirs *d, const char *soname, struct strings *out, struct err *err)
{
	const struct ldcache *cache = ldview_cache(d->view, NULL);
	int r = 0;

	for (size_t i = 0; r == 0 && i < cache->count; i++) {
		const struct ldcache_entry *e = &cache->entries[i];
		char dir[PATH_MAX];

		if ((e->flags != d->closure.loader->wish.flags && e->flags != 1) ||
		    strcmp(e->soname, soname) != 0 || strlen(e->path) >= PATH_MAX)
			continue;
		path_dir(e->path, dir);
		r = add_variants(d, dir, soname, DEPTH_MAX, out, err);
	}
	return r;
}

int libdirs_find(struct libdirs *d, const char *soname, const char *also, struct strings *out,
		 struct err *err)
{
	int r;

	d->looked = 0;
	r = add_all_variants(d, &d->paths, soname, out, err);
	if (r == 0)
		r = add_cached(d, soname, out, err);
	if (r == 0)
		r = add_all_variants(d, &d->closure.loader->defaults, soname, out, err);
	return r < 0 || !also ? r : add_variants(d, also, soname, DEPTH_MAX, out, err);
}
