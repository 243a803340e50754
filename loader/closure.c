#include "loader/closure.h"

#include "base/cleanup.h"
#include "loader/searchpath.h"
#include "loader/versions.h"
#include "loader/walk.h"

#include <stdlib.h>

#define PATHS_MAX 8192 /* directories that closure_paths appends */

static int make_closure(struct load_walk *w, struct ldview *view, const char *program,
			const char *library_path, bool no_cwd, struct gaps *gaps, struct err *err)
{
	int r = walk_program(w, view, program, library_path, no_cwd, err);

	if (r == 0)
		r = versions_check(w, gaps, err);
	return r < 0 ? r : walk_sort(w, gaps->items, gaps->count, err);
}

int closure_of(struct ldview *view, const char *program, const char *library_path, int flags,
	       struct closure *out, struct err *err)
{
	CLEANUP(walk_clear) struct load_walk w = {0};
	struct gaps gaps = {0};
	int r = make_closure(&w, view, program, library_path, flags & CLOSURE_NO_CWD, &gaps, err);

	*out = (struct closure){0};
	if (r < 0) {
		free(gaps.items);
		return r == -E2BIG ? err_wrap(err, r, "%s", program) : r;
	}
	*out = (struct closure){
		.kind = w.search.context.loader->kind,
		.loader = w.search.context.loader,
		.script = w.script,
		.objects = w.search.objects,
		.count = w.search.count,
		.gaps = gaps.items,
		.ngaps = gaps.count,
	};
	/* The closest feature that a loader's file shows: of 2.33. */
	if (out->kind == LOADER_GLIBC && out->loader->ldso.hwcaps) {
		out->audit = out->objects[0].elf->audit;
		out->depaudit = out->objects[0].elf->depaudit;
	}
	w.search.objects = NULL;
	ldview_cache(view, &out->no_cache);
	return 0;
}

int closure_read(const char *program, const struct sysroot *sysroot, const char *library_path,
		 int flags, struct closure *out, struct err *err)
{
	AUTO_LDVIEW struct ldview *view = NULL;
	int r = ldview_new(sysroot, &view, err);

	*out = (struct closure){0};
	if (r == 0)
		r = closure_of(view, program, library_path, flags, out, err);
	if (r < 0)
		return r;
	out->own = view;
	view = NULL;
	return 0;
}

static int add_paths(const struct searchpath *path, struct strings *out, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < path->count; i++) {
		if (out->count == PATHS_MAX)
			return err_set(err, E2BIG, "more than %d directories are searched",
				       PATHS_MAX);
		r = strings_add_once(out, *path->dirs[i] ? path->dirs[i] : ".", err);
	}
	return r;
}

int closure_paths(const struct closure *c, struct ldview *view, int flags, struct strings *out,
		  struct err *err)
{
	struct search_context context = {.view = view,
					 .files = ldview_files(view),
					 .loader = c->loader,
					 .no_cwd = flags & CLOSURE_NO_CWD,
					 .budget = {WALK_BUDGET}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2 * c->count; i++) {
		CLEANUP(searchpath_clear) struct searchpath path = {0};
		const struct object *o = &c->objects[i / 2];

		r = searchpath_split(&path, &context, i % 2 ? o->elf->runpath : o->elf->rpath,
				     searchpath_separators(c->loader),
				     &(struct token_owner){o, i / 2 == 0}, err);
		if (r == 0)
			r = add_paths(&path, out, err);
	}
	return r;
}

void closure_free(struct closure *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->objects[i].needs);
	free(c->objects);
	free(c->gaps);
	ldview_free(&c->own);
	*c = (struct closure){0};
}

enum load_rule closure_rule(const struct closure *c, size_t object)
{
	const struct object *o = &c->objects[object];

	if (o->by != CLOSURE_NONE)
		return c->objects[o->by].needs[o->by_need].rule;
	return object == 0 ? RULE_PROGRAM : RULE_INTERPRETER;
}

size_t closure_missing(const struct closure *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++)
			n += c->objects[i].needs[k].object == CLOSURE_NONE &&
			     c->objects[i].needs[k].kind != ELF_AUXILIARY;
	if (c->kind != LOADER_NONE && !c->loader->there && c->objects[0].elf->interp)
		n++;
	return n;
}

size_t closure_gaps(const struct closure *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->ngaps; i++)
		n += c->gaps[i].kind == GAP_MISSING || c->gaps[i].kind == GAP_UNLOADED ||
		     c->gaps[i].kind == GAP_ISA;
	return n;
}

const char *rule_name(enum load_rule rule)
{
	static const char *const names[] = {
		[RULE_NONE] = "missing",
		[RULE_PROGRAM] = "program",
		[RULE_INTERPRETER] = "interpreter",
		[RULE_PATH] = "path",
		[RULE_RPATH] = "rpath",
		[RULE_LIBRARY_PATH] = "LD_LIBRARY_PATH",
		[RULE_RUNPATH] = "runpath",
		[RULE_CACHE] = "ld.so.cache",
		[RULE_DEFAULT] = "default",
		[RULE_LOADED] = "loaded",
	};

	return names[rule];
}
