#include "seal/order.h"

#include <stdlib.h>
#include <string.h>

static const char *soname_of(const struct object *o)
{
	return o->elf && o->elf->soname ? o->elf->soname : "";
}

/* Marks what the libraries of the set need, and what these need in turn. */
static void mark_needed(const struct closure *c, size_t object, bool *needed)
{
	const struct object *o = &c->objects[object];

	for (size_t i = 0; i < o->nneeds; i++) {
		size_t to = o->needs[i].object;

		if (to == CLOSURE_NONE || needed[to])
			continue;
		needed[to] = true;
		mark_needed(c, to, needed);
	}
}

static const struct object *find_soname(const struct closure *c, const char *soname)
{
	for (size_t i = 1; *soname && i < c->count; i++)
		if (strcmp(soname_of(&c->objects[i]), soname) == 0)
			return &c->objects[i];
	return NULL;
}

/* The number of the object that is the same file, or that a library of the set replaces; 0: there is none. */
static size_t find_place(const struct closure *c, const struct object *o,
			 const struct seal_set *set)
{
	bool replaces = set_has(set, soname_of(o));

	for (size_t i = 1; i < c->count; i++)
		if (strcmp(c->objects[i].canonical, o->canonical) == 0 ||
		    (replaces && strcmp(soname_of(&c->objects[i]), soname_of(o)) == 0))
			return i;
	return 0;
}

static int check_objects(const struct closure *original, const struct closure *sealed,
			 const struct seal_set *set, const bool *needed, struct err *err)
{
	const struct object *last = NULL;
	size_t before = 0;

	for (size_t i = 1; i < sealed->count; i++) {
		const struct object *o = &sealed->objects[i], *was;
		size_t at;

		if (needed[i])
			continue;
		was = set_has(set, soname_of(o)) ? NULL : find_soname(original, soname_of(o));
		if (was && strcmp(was->canonical, o->canonical) != 0)
			return err_set(err, EINVAL, "it would load %s from %s instead of %s",
				       soname_of(o), o->canonical, was->canonical);
		at = find_place(original, o, set);
		if (at && at < before)
			return err_set(err, EINVAL, "it would load %s before %s", last->canonical,
				       o->canonical);
		if (at) {
			before = at;
			last = o;
		}
	}
	return 0;
}

bool order_is_kept(const struct closure *original, const struct closure *sealed,
		   const struct seal_set *set)
{
	size_t before = 0;

	for (size_t i = 1; i < sealed->count; i++) {
		size_t at = find_place(original, &sealed->objects[i], set);

		if (at && at < before)
			return false;
		before = at ? at : before;
	}
	return true;
}

int order_check(const struct closure *original, const struct closure *sealed,
		const struct seal_set *set, struct err *err)
{
	AUTO_FREE bool *needed = calloc(sealed->count + 1, sizeof *needed);

	if (!needed)
		return err_nomem(err);
	for (size_t i = 1; i < sealed->count; i++)
		if (sealed->objects[i].layer)
			mark_needed(sealed, i, needed);
	return check_objects(original, sealed, set, needed, err);
}
