#include "elf/linkage.h"

#include "base/cleanup.h"
#include "elf/symtab.h"

#include <stdlib.h>
#include <string.h>

/* Of one scope. A look-up takes two or three in an object that has it and one in one that has not, if
 * nobody made the hash table to be slow; ffmpeg with its 213 libraries takes 153,000 in all. */
#define STEPS_FREE (1u << 20)
#define STEPS_EACH 8 /* more for each reference and object */
#define STEPS_MAX (1u << 26)

/* A file, and what its references came to in the last scope in which all were looked up. */
struct entry {
	struct elf elf;
	struct symtab table;
	bool resolved, versions;  /* versions: the loader knew of them */
	struct entry **providers; /* in which one at least was found */
	size_t nproviders;
	size_t provides; /* the last look-up of an entry's references in which it was one */
	uint32_t *open;	 /* numbers of the references that were found nowhere */
	size_t nopen;
	size_t walk; /* the last one in whose scope it was */
};

struct linkage {
	struct entry **entries;
	size_t count;
	size_t walk, resolutions;
};

/* One scope under way. */
struct scope {
	struct linkage *linkage;
	const struct linked *objects;
	struct entry **entries; /* of the objects */
	size_t count;
	size_t walk;
	struct lookup lookup;
};

static void entry_free(struct entry *e)
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
		entry_free(l->entries[i]);
	free(l->entries);
	free(l);
	*linkage = NULL;
}

/* -- files -- */

int linkage_add(struct linkage *l, int fd, struct err *err)
{
	struct entry **more = reallocarray(l->entries, l->count + 1, sizeof(struct entry *));
	struct entry *e;
	bool is_elf;
	int r;

	if (!more)
		return err_nomem(err);
	l->entries = more;
	e = calloc(1, sizeof *e);
	if (!e)
		return err_nomem(err);
	r = elf_read(fd, &e->elf, &is_elf, err);
	if (r == 0 && !is_elf)
		r = err_set(err, EBADMSG, "malformed ELF file: it is none any more");
	if (r == 0)
		r = symtab_read(fd, &e->elf, &e->table, err);
	if (r < 0) {
		entry_free(e);
		return r;
	}
	l->entries[l->count++] = e;
	return 0;
}

static int provides(struct scope *s, struct entry *e, struct entry *provider, struct err *err)
{
	struct entry **more;

	if (provider->provides == s->linkage->resolutions)
		return 0;
	provider->provides = s->linkage->resolutions;
	more = reallocarray(e->providers, e->nproviders + 1, sizeof(struct entry *));
	if (!more)
		return err_nomem(err);
	e->providers = more;
	more[e->nproviders++] = provider;
	return 0;
}

static int leave_open(struct entry *e, size_t reference, struct err *err)
{
	uint32_t *more;

	if ((e->nopen & (e->nopen - 1)) == 0) {
		more = reallocarray(e->open, e->nopen ? 2 * e->nopen : 1, sizeof *more);
		if (!more)
			return err_nomem(err);
		e->open = more;
	}
	e->open[e->nopen++] = (uint32_t)reference;
	return 0;
}

/* -- looking up -- */

static bool is_in(struct scope *s, const struct entry *e, const struct reference *ref,
		  struct entry *there)
{
	return !(ref->copied && there == e) && symtab_defines(&there->table, &s->lookup);
}

static const struct elf_version *wanted_by(const struct scope *s, const struct entry *e,
					   const struct reference *ref)
{
	return s->lookup.versions ? symtab_version(&e->table, ref->symbol) : NULL;
}

/* Which object has it. Any will do, so those are asked first that are likely to: where the last one
 * was found, and what the object itself needs. NULL: none. */
static struct entry *find(struct scope *s, size_t object, const struct reference *ref,
			  struct entry *last)
{
	const struct linked *o = &s->objects[object];
	const struct entry *e = s->entries[object];

	lookup_begin(&s->lookup, symtab_name(&e->table, ref->symbol), wanted_by(s, e, ref));
	if (last && is_in(s, e, ref, last))
		return last;
	for (size_t i = 0; i < o->nneeds; i++) {
		size_t n = o->needs[i];

		if (n < s->count && is_in(s, e, ref, s->entries[n]))
			return s->entries[n];
	}
	for (size_t n = 0; n < s->count; n++)
		if (is_in(s, e, ref, s->entries[n]))
			return s->entries[n];
	return NULL;
}

static int too_long(const struct scope *s, struct err *err)
{
	return s->lookup.steps < s->lookup.limit
		       ? 0
		       : err_set(err, E2BIG, "its symbols take too long to be looked up");
}

/* All references of an object. */
static int resolve(struct scope *s, size_t object, struct err *err)
{
	struct entry *e = s->entries[object], *last = NULL;
	int r = 0;

	e->resolved = false;
	e->versions = s->lookup.versions;
	e->nproviders = e->nopen = 0;
	s->linkage->resolutions++;
	for (size_t i = 0; r == 0 && i < e->table.nreferences; i++) {
		struct entry *there = find(s, object, &e->table.references[i], last);

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

/* Whether what was found in another closure is to be found in this one. */
static bool holds(const struct scope *s, const struct entry *e)
{
	if (!e->resolved || e->versions != s->lookup.versions)
		return false;
	for (size_t i = 0; i < e->nproviders; i++)
		if (e->providers[i]->walk != s->walk)
			return false;
	return true;
}

static int undefined_of(struct scope *s, size_t object, struct undefineds *out, struct err *err)
{
	struct entry *e = s->entries[object];
	bool again = holds(s, e);
	int r = again ? 0 : resolve(s, object, err);

	for (size_t i = 0; r == 0 && i < e->nopen && out->count < UNDEFINED_MAX; i++) {
		const struct reference *ref = &e->table.references[e->open[i]];
		const struct elf_version *v = wanted_by(s, e, ref);

		/* Of another scope it may be in this one. */
		if (again && find(s, object, ref, NULL))
			continue;
		r = too_long(s, err);
		if (r == 0)
			r = undefineds_add(out, object, symtab_name(&e->table, ref->symbol),
					   v ? v->name : NULL, err);
	}
	return r;
}

static uint64_t limit_of(const struct scope *s)
{
	uint64_t references = 0, limit;

	for (size_t i = 0; i < s->count; i++)
		references += s->entries[i]->table.nreferences;
	limit = STEPS_FREE + STEPS_EACH * references * s->count;
	return limit < STEPS_MAX ? limit : STEPS_MAX;
}

static int look_up(struct scope *s, struct undefineds *out, size_t *object, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (s->objects[i].file >= s->linkage->count)
			return err_set(err, EINVAL, "no file has the number %u",
				       s->objects[i].file);
		s->entries[i] = s->linkage->entries[s->objects[i].file];
		s->entries[i]->walk = s->walk;
	}
	s->lookup.limit = limit_of(s);
	for (*object = 0; *object < s->count; ++*object) {
		r = undefined_of(s, *object, out, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int linkage_undefined(struct linkage *l, const struct linked *objects, size_t count, bool versions,
		      struct undefineds *out, size_t *object, struct err *err)
{
	struct scope s = {.linkage = l,
			  .objects = objects,
			  .count = count,
			  .walk = ++l->walk,
			  .lookup.versions = versions};
	int r;

	*out = (struct undefineds){0};
	*object = 0;
	s.entries = calloc(count + 1, sizeof(struct entry *));
	if (!s.entries)
		return err_nomem(err);
	r = look_up(&s, out, object, err);
	free(s.entries);
	if (r < 0)
		undefineds_free(out);
	return r;
}
