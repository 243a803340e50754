#include "loader/search.h"

#include "base/array.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 4096

int search_add_object(struct search *s, const char *path, size_t *number, struct err *err)
{
	size_t n = s->count;

	if (n == OBJECTS_MAX)
		return err_set(err, E2BIG, "it would load more than %d files", OBJECTS_MAX);
	if (ARRAY_GROW(s->objects, n, err) < 0 || ARRAY_GROW(s->paths, n, err) < 0)
		return -ENOMEM;
	s->objects[n] = (struct object){
		.path = path, .by = CLOSURE_NONE, .by_need = CLOSURE_NONE, .wanted = true};
	s->paths[n] = (struct object_paths){0};
	s->count++;
	*number = n;
	return 0;
}

void search_clear(struct search *s)
{
	for (size_t i = 0; s->paths && i < s->count; i++) {
		searchpath_clear(&s->paths[i].rpath);
		searchpath_clear(&s->paths[i].runpath);
	}
	free(s->paths);
	searchpath_clear(&s->library_path);
	for (size_t i = 0; s->objects && i < s->count; i++)
		free(s->objects[i].needs);
	free(s->objects);
}

/* -- files -- */

enum found {
	FOUND_NOT,
	FOUND,
	FOUND_STOP, /* the file cannot be opened: the loader gives up this search path */
};

/* Why glibc's loader fails at a file that it has opened; NULL: it does not. */
static const char *fault_of(const struct cached_path *at)
{
	const struct cached_file *f = at->file;
	const struct elf *elf = &f->info.elf;

	if (!f->regular)
		return "it is not a regular file";
	if (!f->info.is_elf)
		return f->info.empty ? "file too short" : "invalid ELF header";
	if (elf->fault)
		return elf_fault_text(elf->fault);
	if (f->info.why)
		return f->info.why;
	if (elf->pie)
		return "cannot dynamically load position-independent executable";
	if (!elf->shared)
		return "cannot dynamically load executable";
	if (at->noexec && elf->has_code)
		return "failed to map segment from shared object: its mount is noexec";
	return elf->dynamic ? NULL : "object file has no dynamic section";
}

static bool is_other_machine(const struct loader *loader, const struct elf *elf)
{
	return elf->class != 0 && (elf->class != loader->class || elf->machine != loader->machine);
}

static int try_file(struct search *s, const char *path, struct need *need, struct err *err)
{
	const struct loader *loader = s->context.loader;
	const bool glibc = loader->kind == LOADER_GLIBC;
	const struct cached_path *f;
	int r = search_spend(&s->context, WALK_COST_FILE, err);

	if (r == 0)
		r = filecache_path(s->context.files, path, &f, err);
	if (r < 0)
		return r;
	if (f->error)
		return !glibc || f->error == -ENOENT || f->error == -EACCES || f->error == -ENOTDIR
			       ? FOUND_NOT
			       : FOUND_STOP;
	/* musl takes the first file that it can open, and fails if that is no good. */
	if (!is_other_machine(loader, &f->file->info.elf))
		need->broken = fault_of(f);
	else if (glibc)
		return FOUND_NOT;
	else
		need->broken = "it is for another machine";
	s->found = f;
	r = filecache_text(s->context.files, path, &need->path, err);
	return r < 0 ? r : FOUND;
}

/* dir/sub/name; sub and name may be "", and so may dir: the working directory. False if too long. */
static bool join_subdir(char out[PATH_MAX], const char *dir, const char *sub, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s%s%s%s%s", strcmp(dir, "/") == 0 ? "" : dir,
			 *dir ? "/" : "", sub, *sub && *name ? "/" : "", name);

	return n >= 0 && n < PATH_MAX;
}

static int try_subdir(struct search *s, const char *dir, const char *sub, struct need *need,
		      struct err *err)
{
	char path[PATH_MAX];
	bool there = true;
	int r = 0;

	if (*sub) {
		if (!join_subdir(path, dir, sub, ""))
			return FOUND_NOT;
		r = filecache_dir(s->context.files, path, &there, err);
	}
	if (r < 0 || !there || !join_subdir(path, dir, sub, need->name))
		return r;
	r = try_file(s, path, need, err);
	if (r == FOUND)
		need->subdir = sub;
	return r;
}

/* A directory, after its subdirectories for this processor. */
static int try_dir(struct search *s, const char *dir, struct need *need, struct err *err)
{
	const struct strings *subdirs = &s->context.loader->subdirs;
	const bool glibc = s->context.loader->kind == LOADER_GLIBC;
	size_t n = glibc ? subdirs->count : 1;
	bool there = true;
	int r = search_spend(&s->context, WALK_COST_DIR * n, err);

	if (r == 0 && glibc)
		r = filecache_dir(s->context.files, dir, &there, err);
	if (r < 0 || !there)
		return r;
	for (size_t i = 0; r == FOUND_NOT && i < n; i++)
		r = try_subdir(s, dir, glibc ? subdirs->items[i] : "", need, err);
	return r;
}

static int try_dirs(struct search *s, const char *const *dirs, size_t count, enum load_rule rule,
		    size_t owner, struct need *need, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = try_dir(s, dirs[i], need, err);

		if (r == FOUND) {
			need->rule = rule;
			need->owner = owner;
		}
		if (r != FOUND_NOT)
			return r == FOUND_STOP ? FOUND_NOT : r;
	}
	return FOUND_NOT;
}

static int try_library_path(struct search *s, struct need *need, struct err *err)
{
	return try_dirs(s, s->library_path.dirs, s->library_path.count, RULE_LIBRARY_PATH,
			CLOSURE_NONE, need, err);
}

static int try_defaults(struct search *s, struct need *need, struct err *err)
{
	const struct strings *defaults = &s->context.loader->defaults;

	return try_dirs(s, (const char *const *)defaults->items, defaults->count, RULE_DEFAULT,
			CLOSURE_NONE, need, err);
}

/* The DT_RPATH, or the DT_RUNPATH, of an object. */
static int try_path_of(struct search *s, size_t owner, bool runpath, struct need *need,
		       struct err *err)
{
	struct searchpath *path = runpath ? &s->paths[owner].runpath : &s->paths[owner].rpath;
	const struct object *o = &s->objects[owner];
	int r = 0;

	if (!path->known)
		r = searchpath_split(path, &s->context, runpath ? o->elf->runpath : o->elf->rpath,
				     searchpath_separators(s->context.loader),
				     &(struct token_owner){o, owner == 0}, err);
	return r < 0 ? r
		     : try_dirs(s, path->dirs, path->count, runpath ? RULE_RUNPATH : RULE_RPATH,
				owner, need, err);
}

/* -- glibc -- */

static int try_rpaths(struct search *s, size_t object, struct need *need, struct err *err)
{
	int r = FOUND_NOT;

	if (s->objects[object].elf->runpath)
		return FOUND_NOT;
	for (size_t i = object; r == FOUND_NOT && i != CLOSURE_NONE; i = s->objects[i].by)
		if (s->objects[i].elf->rpath)
			r = try_path_of(s, i, false, need, err);
	return r;
}

static bool is_in_default_dir(const struct loader *loader, const char *path)
{
	for (size_t i = 0; i < loader->defaults.count; i++)
		if (path_below(path, loader->defaults.items[i]))
			return true;
	return false;
}

/* The hwcaps subdirectory that a path has before its last name; "" without one. */
static const char *subdir_of(const struct loader *loader, const char *path)
{
	size_t len = (size_t)(path_base(path) - path);

	for (size_t i = 0; i < loader->subdirs.count; i++) {
		const char *sub = loader->subdirs.items[i];
		size_t n = strlen(sub);

		if (n > 0 && len > n + 1 && strncmp(path + len - n - 1, sub, n) == 0 &&
		    path[len - n - 2] == '/')
			return sub;
	}
	return "";
}

static int try_cache(struct search *s, size_t object, size_t name, struct need *need,
		     struct err *err)
{
	const struct loader *loader = s->context.loader;
	const char *path = ldview_cached(s->context.view, loader, name);
	int r;

	if (!path || strlen(path) >= PATH_MAX ||
	    (s->objects[object].elf->nodeflib && is_in_default_dir(loader, path)))
		return FOUND_NOT;
	r = try_file(s, path, need, err);
	if (r == FOUND) {
		need->rule = RULE_CACHE;
		need->subdir = subdir_of(loader, path);
	}
	return r == FOUND_STOP ? FOUND_NOT : r;
}

static int search_glibc(struct search *s, size_t object, size_t name, struct need *need,
			struct err *err)
{
	const struct elf *elf = s->objects[object].elf;
	int r = try_rpaths(s, object, need, err);

	if (r == FOUND_NOT)
		r = try_library_path(s, need, err);
	if (r == FOUND_NOT && elf->runpath)
		r = try_path_of(s, object, true, need, err);
	if (r == FOUND_NOT)
		r = try_cache(s, object, name, need, err);
	if (r == FOUND_NOT && !elf->nodeflib)
		r = try_defaults(s, need, err);
	return r;
}

/* -- musl -- */

static int search_musl(struct search *s, size_t object, struct need *need, struct err *err)
{
	int r = try_library_path(s, need, err);

	for (size_t i = object; r == FOUND_NOT && i != CLOSURE_NONE; i = s->objects[i].by)
		r = try_path_of(s, i, s->objects[i].elf->runpath != NULL, need, err);
	return r == FOUND_NOT ? try_defaults(s, need, err) : r;
}

/* -- one need -- */

int search_need(struct search *s, size_t object, size_t name, struct need *need, struct err *err)
{
	bool relative;
	int r;

	if (!strchr(need->name, '/'))
		return s->context.loader->kind == LOADER_MUSL
			       ? search_musl(s, object, need, err)
			       : search_glibc(s, object, name, need, err);
	relative = need->name[0] != '/' && s->context.no_cwd;
	r = relative ? FOUND_NOT : try_file(s, need->name, need, err);
	if (r == FOUND)
		need->rule = RULE_PATH;
	return r == FOUND_STOP ? FOUND_NOT : r;
}

int search_hint(struct search *s, struct need *need, struct err *err)
{
	const struct strings *dirs;
	const char *no_cache;
	int r;

	ldview_cache(s->context.view, &no_cache);
	if (!no_cache || s->context.loader->kind != LOADER_GLIBC || strchr(need->name, '/'))
		return 0;
	r = ldview_conf_dirs(s->context.view, &dirs, err);
	for (size_t i = 0; r == 0 && i < dirs->count; i++) {
		struct need found = {.name = need->name};

		r = try_dir(s, dirs->items[i], &found, err);
		if (r == FOUND && !found.broken)
			need->hint = found.path;
		if (r == FOUND)
			return 0;
	}
	return r < 0 ? r : 0;
}
