#include "labeler/symbols.h"

#include "base/cleanup.h"
#include "labeler/symtab.h"

#include <stdlib.h>
#include <string.h>

#define UNDEFINED_MAX 65536
#define STEPS_MAX (1u << 26) /* of one closure; ffmpeg with its 213 libraries takes 153,000 */

/* A file, and what its references came to in the last closure in which all were looked up. */
struct entry {
	dev_t dev;
	ino_t ino;
	bool known; /* dev and ino are */
	struct symtab table;
	bool resolved, versions;  /* versions: the loader knew of them */
	struct entry **providers; /* in which one at least was found */
	size_t nproviders;
	uint32_t *open; /* numbers of the references that were found nowhere */
	size_t nopen;
	size_t walk; /* the last one in whose scope it was */
};

struct symbols {
	struct entry **entries;
	size_t count;
	size_t walk;
};

/* One closure under way. */
struct scope {
	const struct closure *c;
	struct entry **entries; /* of its first objects */
	size_t count;
	size_t walk;
	struct lookup lookup;
};

static void entry_free(struct entry *e)
{
	symtab_free(&e->table);
	free(e->providers);
	free(e->open);
	free(e);
}

int symbols_new(struct symbols **out, struct err *err)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : err_nomem(err);
}

void symbols_free(struct symbols **symbols)
{
	struct symbols *s = *symbols;

	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		entry_free(s->entries[i]);
	free(s->entries);
	free(s);
	*symbols = NULL;
}

void undefineds_free(struct undefineds *u)
{
	for (size_t i = 0; i < u->count; i++)
		free(u->items[i].name);
	free(u->items);
	*u = (struct undefineds){0};
}

/* -- entries -- */

static struct entry *find_entry(const struct symbols *s, const struct facts *f)
{
	for (size_t i = 0; f && i < s->count; i++)
		if (s->entries[i]->known && s->entries[i]->ino == f->ino &&
		    s->entries[i]->dev == f->dev)
			return s->entries[i];
	return NULL;
}

static int entry_of(struct symbols *s, const struct object *o, struct entry **out, struct err *err)
{
	struct entry **more, *e = find_entry(s, o->facts);
	int r;

	*out = e;
	if (e)
		return 0;
	more = reallocarray(s->entries, s->count + 1, sizeof(struct entry *));
	if (!more)
		return err_nomem(err);
	s->entries = more;
	e = calloc(1, sizeof *e);
	if (!e)
		return err_nomem(err);
	r = symtab_read(o, &e->table, err);
	if (r < 0) {
		free(e);
		return r;
	}
	if (o->facts) {
		e->dev = o->facts->dev;
		e->ino = o->facts->ino;
		e->known = true;
	}
	*out = s->entries[s->count++] = e;
	return 0;
}

static int provides(struct entry *e, struct entry *provider, struct err *err)
{
	struct entry **more;

	for (size_t i = e->nproviders; i-- > 0;)
		if (e->providers[i] == provider)
			return 0;
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
	const struct object *o = &s->c->objects[object];
	const struct entry *e = s->entries[object];

	s->lookup.name = symtab_name(&e->table, ref->symbol);
	s->lookup.hash = symtab_hash(s->lookup.name);
	s->lookup.wanted = wanted_by(s, e, ref);
	if (last && is_in(s, e, ref, last))
		return last;
	for (size_t i = 0; i < o->nneeds; i++) {
		size_t n = o->needs[i].object;

		if (n < s->count && is_in(s, e, ref, s->entries[n]))
			return s->entries[n];
	}
	for (size_t n = 0; n < s->count && s->lookup.steps < STEPS_MAX; n++)
		if (is_in(s, e, ref, s->entries[n]))
			return s->entries[n];
	return NULL;
}

static int too_long(const struct scope *s, size_t object, struct err *err)
{
	return s->lookup.steps < STEPS_MAX
		       ? 0
		       : err_set(err, E2BIG, "%s: its symbols take too long to be looked up",
				 s->c->objects[object].path);
}

/* All references of an object. */
static int resolve(struct scope *s, size_t object, struct err *err)
{
	struct entry *e = s->entries[object], *last = NULL;
	int r = 0;

	e->resolved = false;
	e->versions = s->lookup.versions;
	e->nproviders = e->nopen = 0;
	for (size_t i = 0; r == 0 && i < e->table.nreferences; i++) {
		struct entry *there = find(s, object, &e->table.references[i], last);

		if (there && there != last)
			r = provides(e, there, err);
		else if (!there)
			r = leave_open(e, i, err);
		last = there ? there : last;
		if (r == 0)
			r = too_long(s, object, err);
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

static int add(struct undefineds *u, size_t object, const char *name, const char *version,
	       struct err *err)
{
	struct undefined *more;

	if ((u->count & (u->count - 1)) == 0) {
		more = reallocarray(u->items, u->count ? 2 * u->count : 1, sizeof *more);
		if (!more)
			return err_nomem(err);
		u->items = more;
	}
	u->items[u->count] = (struct undefined){object, strdup(name), version};
	if (!u->items[u->count].name)
		return err_nomem(err);
	u->count++;
	return 0;
}

/* The closure's string for a version, which may be of a file's that another closure read. */
static const char *version_in(const struct closure *c, size_t object, const struct elf_version *v)
{
	const struct elf *elf = c->objects[object].elf;

	for (size_t i = 0; v && i < elf->nasked; i++)
		if (strcmp(elf->asked[i].name, v->name) == 0)
			return elf->asked[i].name;
	for (size_t i = 0; v && i < elf->ngiven; i++)
		if (strcmp(elf->given[i].name, v->name) == 0)
			return elf->given[i].name;
	return NULL;
}

static int undefined_of(struct scope *s, size_t object, struct undefineds *out, struct err *err)
{
	struct entry *e = s->entries[object];
	bool again = holds(s, e);
	int r = again ? 0 : resolve(s, object, err);

	for (size_t i = 0; r == 0 && i < e->nopen && out->count < UNDEFINED_MAX; i++) {
		const struct reference *ref = &e->table.references[e->open[i]];

		/* Of another closure it may be in this one. */
		if (again && find(s, object, ref, NULL))
			continue;
		r = add(out, object, symtab_name(&e->table, ref->symbol),
			version_in(s->c, object, wanted_by(s, e, ref)), err);
		if (r == 0)
			r = too_long(s, object, err);
	}
	return r;
}

static int look_up(struct symbols *symbols, struct scope *s, struct undefineds *out,
		   struct err *err)
{
	const struct closure *c = s->c;
	int r = 0;

	/* A loader that nothing wanted comes last, and is no part of the scope. */
	for (; r == 0 && s->count < c->count && c->objects[s->count].wanted; s->count++) {
		r = entry_of(symbols, &c->objects[s->count], &s->entries[s->count], err);
		if (r == 0)
			s->entries[s->count]->walk = s->walk;
	}
	for (size_t i = 0; r == 0 && i < s->count; i++)
		r = undefined_of(s, i, out, err);
	return r;
}

int symbols_undefined(struct symbols *symbols, const struct closure *c, struct undefineds *out,
		      struct err *err)
{
	AUTO_SYMBOLS struct symbols *own = NULL;
	struct scope s = {.c = c, .lookup.versions = c->loader == LOADER_GLIBC};
	int r = 0;

	*out = (struct undefineds){0};
	if (c->loader == LOADER_NONE || c->count == 0)
		return 0;
	if (!symbols)
		r = symbols_new(&own, err);
	symbols = symbols ? symbols : own;
	s.entries = calloc(c->count, sizeof(struct entry *));
	if (r < 0 || !s.entries) {
		free(s.entries);
		return err_nomem(err);
	}
	s.walk = ++symbols->walk;
	r = look_up(symbols, &s, out, err);
	free(s.entries);
	if (r < 0)
		undefineds_free(out);
	return r;
}
