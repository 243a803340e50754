#include "elf/linkage.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "elf/symtab.h"

#include <stdlib.h>
#include <string.h>

/* Steps of one scope. An honest hash table takes two or three in an object that defines the symbol and
 * one in an object that does not; ffmpeg with its 213 libraries takes 153,000 in all. */
#define STEPS_FREE (1u << 20)
#define STEPS_EACH 8 /* more for each reference and object */
#define STEPS_MAX (1u << 26)

/* A file, and the result of the last scope in which all of its references were looked up. */
struct linked_file {
	struct elf elf;
	struct symtab table;
	bool resolved, versions;	/* versions: the loader knew of them */
	struct linked_file **providers; /* files that define at least one of them */
	size_t nproviders;
	size_t provides; /* the last resolution in which this file was a provider */
	uint32_t *open;	 /* numbers of the references that no file defines */
	size_t nopen;
	size_t walk; /* the last scope that it was part of */
};

struct linkage {
	struct linked_file **entries;
	size_t count;
	size_t walk, resolutions;
};

struct linked {
	struct linked_file *file;
	const uint32_t *needs;
	size_t nneeds;
};

/* One scope under way. */
struct lookup_scope {
	struct linkage *linkage;
	struct linked *objects;
	size_t count;
	size_t walk;
	struct lookup lookup;
};

static void linked_file_free(struct linked_file *e)
{
	symtab_free(&e->table);
	elf_free(&e->elf);
	free(e->providers);
	free(e->open);
	free(e);
}

int linkage_new(struct linkage **out, struct err *err)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : err_nomem(err);
}

void linkage_free(struct linkage **linkage)
{
	struct linkage *l = *linkage;

	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		linked_file_free(l->entries[i]);
	free(l->entries);
	free(l);
	*linkage = NULL;
}

/* -- files -- */

int linkage_add(struct linkage *l, int fd, struct err *err)
{
	struct linked_file *e;
	bool is_elf;
	int r = ARRAY_GROW(l->entries, l->count, err);

	if (r < 0)
		return r;
	e = calloc(1, sizeof *e);
	if (!e)
		return err_nomem(err);
	r = elf_parse(fd, &e->elf, &is_elf, err);
	if (r == 0 && !is_elf)
		r = err_set(err, EBADMSG, "the file changed while it was read");
	if (r == 0)
		r = symtab_read(fd, &e->elf, &e->table, err);
	if (r < 0) {
		linked_file_free(e);
		return r;
	}
	l->entries[l->count++] = e;
	return 0;
}

static int provides(struct lookup_scope *s, struct linked_file *e, struct linked_file *provider,
		    struct err *err)
{
	if (provider->provides == s->linkage->resolutions)
		return 0;
	provider->provides = s->linkage->resolutions;
	if (ARRAY_GROW(e->providers, e->nproviders, err) < 0)
		return -ENOMEM;
	e->providers[e->nproviders++] = provider;
	return 0;
}

static int leave_open(struct linked_file *e, size_t reference, struct err *err)
{
	if (ARRAY_GROW(e->open, e->nopen, err) < 0)
		return -ENOMEM;
	e->open[e->nopen++] = (uint32_t)reference;
	return 0;
}

/* -- looking up -- */

static bool is_in(struct lookup_scope *s, const struct linked_file *e, const struct reference *ref,
		  struct linked_file *there)
{
	return !(ref->copied && there == e) && symtab_defines(&there->table, &s->lookup);
}

static const struct elf_version *wanted_by(const struct lookup_scope *s,
					   const struct linked_file *e, const struct reference *ref)
{
	return s->lookup.versions ? symtab_version(&e->table, ref->symbol) : NULL;
}

/* A file that defines the reference; NULL: none does. Any will do, so the likely ones come first: the
 * definer of the reference before, then the needs of the object. */
static struct linked_file *find_definer(struct lookup_scope *s, size_t object,
					const struct reference *ref, struct linked_file *last)
{
	const struct linked *o = &s->objects[object];
	const struct linked_file *e = o->file;

	lookup_begin(&s->lookup, symtab_name(&e->table, ref->symbol), wanted_by(s, e, ref));
	if (last && is_in(s, e, ref, last))
		return last;
	for (size_t i = 0; i < o->nneeds; i++) {
		size_t n = o->needs[i];

		if (n < s->count && is_in(s, e, ref, s->objects[n].file))
			return s->objects[n].file;
	}
	for (size_t n = 0; n < s->count; n++)
		if (is_in(s, e, ref, s->objects[n].file))
			return s->objects[n].file;
	return NULL;
}

static int too_long(const struct lookup_scope *s, struct err *err)
{
	return s->lookup.steps < s->lookup.limit
		       ? 0
		       : err_set(err, E2BIG, "looking up its symbols takes too long");
}

static int resolve(struct lookup_scope *s, size_t object, struct err *err)
{
	struct linked_file *e = s->objects[object].file, *last = NULL;
	int r = 0;

	e->resolved = false;
	e->versions = s->lookup.versions;
	e->nproviders = e->nopen = 0;
	s->linkage->resolutions++;
	for (size_t i = 0; r == 0 && i < e->table.nreferences; i++) {
		struct linked_file *there = find_definer(s, object, &e->table.references[i], last);

		if (there && there != last)
			r = provides(s, e, there, err);
		else if (!there)
			r = leave_open(e, i, err);
		last = there ? there : last;
		if (r == 0)
			r = too_long(s, err);
	}
	e->resolved = r == 0;
	return r;
}

/* Whether all definers of an earlier scope are in this one too. */
static bool holds(const struct lookup_scope *s, const struct linked_file *e)
{
	if (!e->resolved || e->versions != s->lookup.versions)
		return false;
	for (size_t i = 0; i < e->nproviders; i++)
		if (e->providers[i]->walk != s->walk)
			return false;
	return true;
}

static int undefined_of(struct lookup_scope *s, size_t object, struct undefineds *out,
			struct err *err)
{
	struct linked_file *e = s->objects[object].file;
	bool again = holds(s, e);
	int r = again ? 0 : resolve(s, object, err);

	for (size_t i = 0; r == 0 && i < e->nopen && out->count < UNDEFINED_MAX; i++) {
		const struct reference *ref = &e->table.references[e->open[i]];
		const struct elf_version *v = wanted_by(s, e, ref);

		/* Undefined in another scope; a file of this one may define it. */
		if (again && find_definer(s, object, ref, NULL))
			continue;
		r = too_long(s, err);
		if (r == 0)
			r = undefineds_add(out, object, symtab_name(&e->table, ref->symbol),
					   v ? v->name : NULL, err);
	}
	return r;
}

static uint64_t limit_of(const struct lookup_scope *s)
{
	uint64_t references = 0, limit;

	for (size_t i = 0; i < s->count; i++)
		references += s->objects[i].file->table.nreferences;
	limit = STEPS_FREE + STEPS_EACH * references * s->count;
	return limit < STEPS_MAX ? limit : STEPS_MAX;
}

static int read_scope(struct lookup_scope *s, const struct scope_words *scope, struct err *err)
{
	const uint32_t *words = scope->words;
	size_t left = scope->nwords;

	for (size_t i = 0; i < s->count; i++) {
		if (left < 2 || left - 2 < words[1])
			return err_set(err, EINVAL, "malformed request to the ELF parser");
		if (words[0] >= s->linkage->count)
			return err_set(err, EINVAL, "no file has the number %u", words[0]);
		s->objects[i] = (struct linked){s->linkage->entries[words[0]], words + 2, words[1]};
		s->objects[i].file->walk = s->walk;
		left -= 2 + words[1];
		words += 2 + words[1];
	}
	return 0;
}

static int look_up(struct lookup_scope *s, struct undefineds *out, size_t *object, struct err *err)
{
	int r = 0;

	s->lookup.limit = limit_of(s);
	for (*object = 0; *object < s->count; ++*object) {
		r = undefined_of(s, *object, out, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int linkage_undefined(struct linkage *l, const struct scope_words *scope, struct undefineds *out,
		      size_t *object, struct err *err)
{
	AUTO_FREE struct linked *objects = calloc(scope->objects + 1, sizeof *objects);
	struct lookup_scope s = {.linkage = l,
				 .objects = objects,
				 .count = scope->objects,
				 .walk = ++l->walk,
				 .lookup.versions = scope->versions};
	int r;

	*out = (struct undefineds){0};
	*object = 0;
	if (!objects)
		return err_nomem(err);
	r = read_scope(&s, scope, err);
	if (r == 0)
		r = look_up(&s, out, object, err);
	if (r < 0)
		undefineds_free(out);
	return r;
}

/* -- undefined symbols -- */

void undefineds_free(struct undefineds *u)
{
	for (size_t i = 0; i < u->count; i++) {
		free(u->items[i].name);
		free(u->items[i].version);
	}
	free(u->items);
	*u = (struct undefineds){0};
}

int undefineds_add(struct undefineds *u, size_t object, const char *name, const char *version,
		   struct err *err)
{
	struct undefined one = {.object = object};
	size_t len = strlen(name) + (version ? strlen(version) : 0);

	if (len > UNDEFINED_TEXT - u->text)
		return err_set(err, E2BIG, "the names of its undefined symbols are too long");
	if (ARRAY_GROW(u->items, u->count, err) < 0)
		return -ENOMEM;
	one.name = strdup(name);
	one.version = version ? strdup(version) : NULL;
	u->items[u->count++] = one;
	u->text += len;
	return one.name && (!version || one.version) ? 0 : err_nomem(err);
}
