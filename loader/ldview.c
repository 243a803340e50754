#include "loader/ldview.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "loader/ldconf.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_PATH "/etc/ld.so.cache"
#define CONF_PATH "/etc/ld.so.conf"

struct ldview {
	struct filecache *files;
	struct loader **loaders;
	size_t nloaders;
	bool cache_known;
	struct ldcache cache;
	struct err cache_why;
	bool conf_known;
	struct strings conf_dirs;
};

int ldview_new(const struct sysroot *sysroot, struct ldview **out, struct err *err)
{
	struct ldview *v = calloc(1, sizeof *v);
	int r;

	if (!v)
		return err_nomem(err);
	r = filecache_new(sysroot, &v->files, err);
	if (r < 0) {
		free(v);
		return r;
	}
	*out = v;
	return 0;
}

void ldview_free(struct ldview **view)
{
	struct ldview *v = *view;

	if (!v)
		return;
	for (size_t i = 0; i < v->nloaders; i++)
		loader_free(v->loaders[i]);
	free(v->loaders);
	ldcache_free(&v->cache);
	strings_free(&v->conf_dirs);
	filecache_free(&v->files);
	free(v);
	*view = NULL;
}

struct filecache *ldview_files(struct ldview *view)
{
	return view->files;
}

/* -- loaders -- */

static int add_loader(struct ldview *view, const struct elf *program, const char *path,
		      const struct loader **out, struct err *err)
{
	const struct cached_path *at = NULL;
	const struct elf *elf = NULL;
	int r = filecache_path(view->files, *path ? path : "/", &at, err);

	if (r < 0)
		return r;
	if (at->file && at->file->info.is_elf && !at->file->info.why)
		elf = &at->file->info.elf;
	r = ARRAY_GROW(view->loaders, view->nloaders, err);
	if (r < 0)
		return r;
	r = loader_make(filecache_sysroot(view->files), filecache_readers(view->files), program,
			path, elf, &view->loaders[view->nloaders], err);
	if (r == 0)
		*out = view->loaders[view->nloaders++];
	return r;
}

static bool is_loader_of(const struct loader *l, const struct elf *program, const char *path)
{
	return l->class == program->class && l->machine == program->machine &&
	       (l->kind == LOADER_NONE) == loader_is_static(program) && strcmp(l->path, path) == 0;
}

int ldview_loader(struct ldview *view, const struct elf *program, const struct loader **out,
		  struct err *err)
{
	char path[PATH_MAX];

	loader_path(filecache_sysroot(view->files), program, path);
	for (size_t i = 0; i < view->nloaders; i++)
		if (is_loader_of(view->loaders[i], program, path)) {
			*out = view->loaders[i];
			return 0;
		}
	return add_loader(view, program, path, out, err);
}

/* -- ld.so.cache and ld.so.conf -- */

const struct ldcache *ldview_cache(struct ldview *view, const char **why)
{
	struct err *err = &view->cache_why;

	if (!view->cache_known) {
		struct resolved at;
		int r = sysroot_resolve(filecache_sysroot(view->files), CACHE_PATH, &at);

		/* Without a cache the loader goes on, and so does pinlib. */
		err->text[0] = '\0';
		if (r < 0)
			err_sys(err, -r, "%s", CACHE_PATH);
		else if (ldcache_read(at.file, &view->cache, err) < 0)
			err_wrap(err, 0, "%s", CACHE_PATH);
		view->cache_known = true;
	}
	if (why)
		*why = err->text[0] ? err->text : NULL;
	return &view->cache;
}

const char *ldview_cached(struct ldview *view, const struct loader *loader, size_t soname)
{
	const struct ldcache_entry *e = ldcache_find(
		ldview_cache(view, NULL), filecache_string(view->files, soname), &loader->wish);

	return e ? e->path : NULL;
}

int ldview_conf_dirs(struct ldview *view, const struct strings **out, struct err *err)
{
	int r = 0;

	if (!view->conf_known)
		r = ldconf_dirs(filecache_sysroot(view->files), CONF_PATH, &view->conf_dirs, err);
	view->conf_known = r == 0;
	*out = &view->conf_dirs;
	return r;
}
