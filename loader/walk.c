#include "loader/walk.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "elf/shebang.h"

#include <stdlib.h>
#include <string.h>

#define NEEDS_MAX 65536 /* of all objects */

void walk_clear(struct load_walk *w)
{
	search_clear(&w->search);
	free(w->named);
	free(w->scope);
	*w = (struct load_walk){0};
}

/* -- names -- */

/* From here on the object answers to the name, unless another does. */
static int add_name(struct load_walk *w, size_t object, size_t name, struct err *err)
{
	if (name >= w->nnamed) {
		size_t room = name < 2 * w->nnamed ? 2 * w->nnamed : name + 1;
		uint32_t *more = reallocarray(w->named, room, sizeof *more);

		if (!more)
			return err_nomem(err);
		memset(more + w->nnamed, 0, (room - w->nnamed) * sizeof *more);
		w->named = more;
		w->nnamed = room;
	}
	if (!w->named[name])
		w->named[name] = (uint32_t)object + 1;
	return 0;
}

size_t walk_object_named(const struct load_walk *w, size_t name)
{
	return name < w->nnamed && w->named[name] ? w->named[name] - 1 : CLOSURE_NONE;
}

static int add_soname(struct load_walk *w, size_t object, const struct cached_file *file,
		      struct err *err)
{
	return w->search.context.loader->kind == LOADER_GLIBC && file->soname != FILECACHE_NONE
		       ? add_name(w, object, file->soname, err)
		       : 0;
}

/* -- the scope -- */

/* An object's place in the scope; nscope if it has none. */
static size_t scope_place(const struct load_walk *w, size_t object)
{
	size_t i = 0;

	while (i < w->nscope && w->scope[i] != object)
		i++;
	return i;
}

static int insert_in_scope(struct load_walk *w, size_t at, size_t object, struct err *err)
{
	if (ARRAY_GROW(w->scope, w->nscope, err) < 0)
		return -ENOMEM;
	memmove(w->scope + at + 1, w->scope + at, (w->nscope - at) * sizeof *w->scope);
	w->scope[at] = object;
	w->nscope++;
	return 0;
}

/* A needed object is appended. One that stands in for another (DT_AUXILIARY, DT_FILTER) is inserted,
 * or moved, before the object that needs it, whose place is *at. */
static int join_scope(struct load_walk *w, size_t object, enum elf_need_kind kind, size_t *at,
		      struct err *err)
{
	size_t place = scope_place(w, object);

	if (kind == ELF_NEEDED)
		return place == w->nscope ? insert_in_scope(w, place, object, err) : 0;
	if (place <= *at)
		return 0;
	if (place < w->nscope) {
		memmove(w->scope + place, w->scope + place + 1,
			(w->nscope - place - 1) * sizeof *w->scope);
		w->nscope--;
	}
	return insert_in_scope(w, (*at)++, object, err);
}

/* -- objects -- */

static size_t object_of_file(const struct load_walk *w, const struct cached_file *file)
{
	const struct search *s = &w->search;

	/* glibc does not know the file of a program that the kernel mapped. */
	for (size_t i = s->objects[0].elf->interp ? 1 : 0; i < s->count; i++)
		if (s->objects[i].cached == file)
			return i;
	return CLOSURE_NONE;
}

static int fill_object(struct load_walk *w, size_t number, const struct cached_path *at,
		       struct err *err)
{
	struct object *o = &w->search.objects[number];
	int r = filecache_canonical(w->search.context.files, o->path, &o->canonical, &o->file, err);

	if (r == -ENOMEM)
		return r;
	if (r < 0) /* the path existed a moment ago */
		o->canonical = o->file = o->path;
	o->layer = at->layer;
	o->cached = at->file;
	o->elf = &at->file->info.elf;
	return add_soname(w, number, at->file, err);
}

/* -- one need -- */

/* The file that was found for a need is loaded, unless it is already, under another name. */
static int load_found(struct load_walk *w, size_t object, size_t index, size_t name,
		      struct err *err)
{
	const struct cached_path *at = w->search.found;
	struct need *need = &w->search.objects[object].needs[index];
	size_t number = object_of_file(w, at->file);
	int r = 0;

	if (number == CLOSURE_NONE) {
		if (need->broken)
			return 0;
		r = search_add_object(&w->search, need->path, &number, err);
		if (r < 0)
			return r;
		w->search.objects[number].by = object;
		w->search.objects[number].by_need = index;
		r = fill_object(w, number, at, err);
	}
	need->broken = NULL;
	need->object = number;
	if (r == 0 && (w->search.context.loader->kind == LOADER_GLIBC || !strchr(need->name, '/')))
		r = add_name(w, number, name, err);
	return r;
}

/* The names under which musl's loader takes itself for libc, and for the libraries that other libcs
 * are split into. */
static bool is_musl_itself(const struct loader *loader, const char *name)
{
	static const char *const reserved[] = {"libc.",	 "libpthread.", "librt.",  "libm.",
					       "libdl.", "libutil.",	"libxnet."};

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strncmp(name, reserved[i], strlen(reserved[i])) == 0)
			return true;
	return strcmp(name, loader->path) == 0;
}

static int resolve_need(struct load_walk *w, size_t object, size_t index, size_t name,
			struct err *err)
{
	struct need *need = &w->search.objects[object].needs[index];
	const struct loader *loader = w->search.context.loader;
	int r;

	need->object = walk_object_named(w, name);
	if (need->object == CLOSURE_NONE && loader->kind == LOADER_MUSL &&
	    is_musl_itself(loader, need->name))
		need->object = w->loader;
	if (need->object != CLOSURE_NONE) {
		need->rule = RULE_LOADED;
		return 0;
	}
	r = search_need(&w->search, object, name, need, err);
	if (r < 0)
		return r;
	return r ? load_found(w, object, index, name, err) : search_hint(&w->search, need, err);
}

/* The number of a need's name, tokens expanded. */
static int need_name(struct load_walk *w, size_t object, size_t index, size_t *name,
		     struct err *err)
{
	const struct object *o = &w->search.objects[object];
	const struct loader *loader = w->search.context.loader;
	const char *raw = o->elf->needed[index].name;
	char text[PATH_MAX];

	*name = o->cached->needs[index];
	if (loader->kind == LOADER_GLIBC && strchr(raw, '$') &&
	    searchpath_expand(loader, &(struct token_owner){o, object == 0}, raw, strlen(raw),
			      text))
		return filecache_number(w->search.context.files, text, name, err);
	return 0;
}

static int add_need(struct load_walk *w, size_t object, size_t index, size_t *at, struct err *err)
{
	struct object *o = &w->search.objects[object];
	struct need *need = &o->needs[index];
	size_t name;
	int r = need_name(w, object, index, &name, err);

	if (r < 0)
		return r;
	*need = (struct need){
		.name = filecache_string(w->search.context.files, name),
		.kind = o->elf->needed[index].kind,
		.object = CLOSURE_NONE,
		.owner = CLOSURE_NONE,
		.subdir = "",
	};
	/* musl knows neither auxiliaries nor filters. */
	if (w->search.context.loader->kind == LOADER_MUSL && need->kind != ELF_NEEDED) {
		need->kind = ELF_AUXILIARY;
		return 0;
	}
	/* This can move the objects; the needs stay where they are. */
	r = resolve_need(w, object, index, name, err);
	if (r < 0 || need->object == CLOSURE_NONE)
		return r;
	w->search.objects[need->object].wanted = true;
	return join_scope(w, need->object, need->kind, at, err);
}

/* -- all needs -- */

/* The cache has a path for most needs. All of them are read while the first is resolved. */
static int expect_needs(struct load_walk *w, size_t object, struct err *err)
{
	const struct search_context *context = &w->search.context;
	const struct object *o = &w->search.objects[object];
	int r = 0;

	if (context->loader->kind != LOADER_GLIBC || o->elf->rpath || o->elf->runpath)
		return 0;
	for (size_t i = 0; r == 0 && i < o->elf->nneeded; i++) {
		size_t name = o->cached->needs[i];
		const char *path = walk_object_named(w, name) == CLOSURE_NONE
					   ? ldview_cached(context->view, context->loader, name)
					   : NULL;

		if (path && strlen(path) < PATH_MAX)
			r = filecache_expect_library(context->files, path, err);
	}
	return r;
}

/* All needs of the object at a place of the scope. */
static int add_needs(struct load_walk *w, size_t at, struct err *err)
{
	size_t object = w->scope[at], n = w->search.objects[object].elf->nneeded;
	struct need *needs;
	int r;

	w->nneeds += n;
	if (w->nneeds > NEEDS_MAX)
		return err_set(err, E2BIG, "it needs more than %d libraries", NEEDS_MAX);
	needs = calloc(n + 1, sizeof *needs);
	if (!needs)
		return err_nomem(err);
	w->search.objects[object].needs = needs;
	r = expect_needs(w, object, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = add_need(w, object, i, &at, err);
		w->search.objects[object].nneeds = i + 1;
	}
	return r;
}

/* Breadth first. An object that was inserted before the current one is next. */
static int walk_scope(struct load_walk *w, struct err *err)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < w->nscope;)
		if (w->search.objects[w->scope[at]].needs)
			at++;
		else
			r = add_needs(w, at, err);
	return r;
}

/* -- the beginning -- */

/* The program that a path leads to, as execve(2) has it: scripts lead to their interpreters. */
static int find_program(struct load_walk *w, const char *name, struct resolved *at,
			const struct cached_file **file, struct err *err)
{
	struct filecache *files = w->search.context.files;
	char next[PATH_MAX] = "";
	int r;

	for (int i = 0; i <= SHEBANG_DEPTH_MAX; i++) {
		r = filecache_program(files, i == 0 ? name : next, at, err);
		if (r == 0)
			r = filecache_file(files, at->file, file, err);
		if (r < 0)
			return r;
		if ((*file)->info.is_elf || !(*file)->regular)
			return 0;
		r = shebang_interpreter((*file)->info.shebang, shebang_has,
					filecache_sysroot(files), NULL, next, err);
		if (r < 0)
			return err_wrap(err, r, "%s", at->path);
		if (i == 0)
			r = filecache_text(files, at->path, &w->script, err);
		if (r < 0)
			return r;
	}
	return err_sys(err, ELOOP, "cannot follow the interpreters of %s", name);
}

static int check_program(const char *path, const struct cached_file *file, struct err *err)
{
	if (!file->regular)
		return err_set(err, ENOEXEC, "%s: not a regular file", path);
	if (file->info.why)
		return err_set(err, EBADMSG, "%s: %s", path, file->info.why);
	if (file->info.elf.fault)
		return err_set(err, ENOEXEC, "%s: %s", path, elf_fault_text(file->info.elf.fault));
	return 0;
}

static int begin_program(struct load_walk *w, const char *name, struct err *err)
{
	struct search_context *context = &w->search.context;
	const struct cached_file *file;
	const char *path, *outside;
	struct resolved at;
	struct object *o;
	size_t number;
	int r = find_program(w, name, &at, &file, err);

	if (r == 0)
		r = check_program(at.path, file, err);
	if (r == 0)
		r = filecache_text(context->files, at.path, &path, err);
	if (r == 0)
		r = filecache_text(context->files, at.file, &outside, err);
	if (r == 0)
		r = ldview_loader(context->view, &file->info.elf, &context->loader, err);
	if (r == 0)
		r = search_add_object(&w->search, path, &number, err);
	if (r < 0)
		return r;
	o = &w->search.objects[number];
	o->canonical = path;
	o->file = outside;
	o->layer = at.layer;
	o->cached = file;
	o->elf = &file->info.elf;
	r = insert_in_scope(w, 0, number, err);
	return r < 0 ? r : add_soname(w, number, file, err);
}

/* The loader is there before anything is searched: under its path and its soname. */
static int begin_loader(struct load_walk *w, struct err *err)
{
	struct search_context *context = &w->search.context;
	const struct loader *loader = context->loader;
	const struct cached_path *at;
	size_t name;
	int r;

	if (loader->kind == LOADER_NONE || !loader->there)
		return 0;
	r = filecache_number(context->files, loader->path, &name, err);
	if (r == 0)
		r = filecache_path(context->files, loader->path, &at, err);
	if (r < 0)
		return r;
	/* The program is the loader itself. */
	if (at->file == w->search.objects[0].cached)
		return add_name(w, 0, name, err);
	r = search_add_object(&w->search, filecache_string(context->files, name), &w->loader, err);
	if (r < 0)
		return r;
	w->search.objects[w->loader].wanted = false;
	r = add_name(w, w->loader, name, err);
	return r < 0 ? r : fill_object(w, w->loader, at, err);
}

int walk_program(struct load_walk *w, struct ldview *view, const char *program,
		 const char *library_path, bool no_cwd, struct err *err)
{
	struct search *s = &w->search;
	bool musl;
	int r;

	*w = (struct load_walk){.loader = CLOSURE_NONE};
	s->context = (struct search_context){.view = view,
					     .files = ldview_files(view),
					     .no_cwd = no_cwd,
					     .budget = {WALK_BUDGET}};
	r = begin_program(w, program, err);
	if (r == 0)
		r = begin_loader(w, err);
	if (r < 0)
		return r;
	musl = s->context.loader->kind == LOADER_MUSL;
	if (!musl && s->context.loader->kind != LOADER_GLIBC)
		return 0;
	r = searchpath_split(&s->library_path, &s->context, library_path, musl ? ":\n" : ":;",
			     &(struct token_owner){&s->objects[0], true}, err);
	return r < 0 ? r : walk_scope(w, err);
}

/* -- the order -- */

static void renumber(size_t *number, const size_t *to)
{
	if (*number != CLOSURE_NONE)
		*number = to[*number];
}

static void move_object(struct object *from, struct object *objects, size_t number,
			const size_t *to)
{
	struct object *o = &objects[to[number]];

	*o = *from;
	renumber(&o->by, to);
	for (size_t k = 0; k < o->nneeds; k++) {
		renumber(&o->needs[k].object, to);
		renumber(&o->needs[k].owner, to);
	}
}

int walk_sort(struct load_walk *w, struct gap *gaps, size_t ngaps, struct err *err)
{
	struct search *s = &w->search;
	AUTO_FREE size_t *to = calloc(s->count, sizeof *to);
	AUTO_FREE struct object *objects = calloc(s->count, sizeof *objects);
	struct object *loaded = s->objects;
	int r = 0;

	if (!to || !objects)
		return err_nomem(err);
	if (w->nscope < s->count)
		r = insert_in_scope(w, w->nscope, w->loader, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->count; i++)
		to[w->scope[i]] = i;
	for (size_t i = 0; i < s->count; i++)
		move_object(&loaded[i], objects, i, to);
	for (size_t i = 0; i < ngaps; i++) {
		renumber(&gaps[i].object, to);
		renumber(&gaps[i].of, to);
	}
	s->objects = objects;
	objects = loaded;
	return 0;
}
