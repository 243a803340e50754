#include "loader/versions.h"

#include "base/array.h"
#include "elf/isa.h"

#include <stdlib.h>
#include <string.h>

#define GAPS_MAX 4096

static int add_gap(struct gaps *gaps, const struct gap *gap, struct err *err)
{
	if (gaps->count == GAPS_MAX)
		return err_set(err, E2BIG, "it lacks more than %d versions", GAPS_MAX);
	if (ARRAY_GROW(gaps->items, gaps->count, err) < 0)
		return -ENOMEM;
	gaps->items[gaps->count++] = *gap;
	return 0;
}

static bool defines(const struct elf *elf, const struct elf_version *v)
{
	for (size_t i = 0; i < elf->nverdef; i++)
		if (elf->verdef[i].hash == v->hash && strcmp(elf->verdef[i].name, v->name) == 0)
			return true;
	return false;
}

static bool is_missing(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < s->objects[i].nneeds; k++)
			if (s->objects[i].needs[k].object == CLOSURE_NONE &&
			    strcmp(s->objects[i].needs[k].name, name) == 0)
				return true;
	return false;
}

/* Whether the object lacks the index-th version that it needs, and the kind of gap. */
static bool is_gap(const struct search *s, const struct object *o, size_t index, size_t of,
		   enum gap_kind *kind)
{
	const struct elf_version *v = &o->elf->verneed[index];
	const size_t *files = o->cached->verneed_files;
	const struct elf *elf = of == CLOSURE_NONE ? NULL : s->objects[of].elf;

	if (!elf) {
		*kind = GAP_UNLOADED;
		return !is_missing(s, v->file); /* a missing file is reported as such */
	}
	if (!elf->has_versions) {
		*kind = GAP_UNKNOWN; /* once for each file */
		return index == 0 || files[index] != files[index - 1];
	}
	*kind = v->weak ? GAP_WEAK : GAP_MISSING;
	return !defines(elf, v);
}

/* The loader does not look at its own mark: it runs already. */
static int check_isa(struct load_walk *w, size_t object, struct gaps *out, struct err *err)
{
	const struct search *s = &w->search;
	const uint32_t needed = s->objects[object].elf->isa;
	struct gap gap = {.kind = GAP_ISA, .object = object, .of = CLOSURE_NONE, .file = ""};
	char name[ISA_NAME];
	int r;

	if (!s->context.loader->ldso.isa || object == w->loader || !(needed & ~isa_present()))
		return 0;
	isa_name(needed, name);
	r = filecache_text(s->context.files, name, &gap.version, err);
	return r < 0 ? r : add_gap(out, &gap, err);
}

static int check_object(struct load_walk *w, size_t object, struct gaps *out, struct err *err)
{
	struct search *s = &w->search;
	const struct object *o = &s->objects[object];
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->elf->nverneed; i++) {
		const struct elf_version *v = &o->elf->verneed[i];
		struct gap gap = {.object = object, .file = v->file, .version = v->name};

		gap.of = walk_object_named(w, o->cached->verneed_files[i]);
		r = search_spend(
			&s->context,
			gap.of == CLOSURE_NONE ? w->nneeds : s->objects[gap.of].elf->nverdef, err);
		if (r == 0 && is_gap(s, o, i, gap.of, &gap.kind))
			r = add_gap(out, &gap, err);
	}
	return r;
}

int versions_check(struct load_walk *w, struct gaps *out, struct err *err)
{
	int r = 0;

	if (w->search.context.loader->kind != LOADER_GLIBC)
		return 0;
	for (size_t i = 0; r == 0 && i < w->search.count; i++) {
		r = check_object(w, i, out, err);
		if (r == 0)
			r = check_isa(w, i, out, err);
	}
	return r;
}
