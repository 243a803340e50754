#include "renewal/unison.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "dpkg/control.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unison_free(struct unison *u)
{
	for (size_t i = 0; i < u->nsets; i++)
		free(u->sets[i].of);
	free(u->sets);
	free(u->pins);
	free(u->renewals);
	free(u->held);
}

void unisons_free(struct unisons *unisons)
{
	for (size_t i = 0; i < unisons->count; i++)
		unison_free(&unisons->items[i]);
	free(unisons->items);
	*unisons = (struct unisons){0};
}

/* -- groups -- */

static struct unison *find_group(struct unisons *all, const char *source)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].renewals[0]->source_known &&
		    strcmp(all->items[i].source, source) == 0)
			return &all->items[i];
	return NULL;
}

static int add_group(struct unisons *all, const struct app *app, const char *source,
		     struct unison **out, struct err *err)
{
	struct unison *u;

	if (ARRAY_GROW(all->items, all->count, err) < 0)
		return -ENOMEM;
	u = &all->items[all->count++];
	*u = (struct unison){.app = app,
			     .source = source,
			     .pins = calloc(app->npins, sizeof *u->pins),
			     .renewals = calloc(app->npins, sizeof(struct renewal *))};
	*out = u;
	return u->pins && u->renewals ? 0 : err_nomem(err);
}

static bool are_mixed(const struct renewal *a, const struct renewal *b)
{
	return a->source_version_known && b->source_version_known &&
	       strcmp(a->provenance.source_version, b->provenance.source_version) != 0;
}

static int add_member(struct unisons *all, const struct app *app, const struct pin *pin,
		      const struct renewal *renewal, struct err *err)
{
	const char *source = renewal->provenance.source;
	struct unison *u = renewal->source_known ? find_group(all, source) : NULL;
	int r = u ? 0 : add_group(all, app, source, &u, err);

	if (r < 0)
		return r;
	if (u->count && are_mixed(u->renewals[0], renewal))
		u->mixed = true;
	u->pins[u->count] = pin;
	u->renewals[u->count++] = renewal;
	return 0;
}

/* -- sets -- */

static bool is_of(const struct renewal_candidate *c, const struct unison_set *set)
{
	return strcmp(c->source, set->source) == 0 &&
	       strcmp(c->source_version, set->source_version) == 0;
}

static bool has_set(const struct unison *u, const struct renewal_candidate *c)
{
	for (size_t i = 0; i < u->nsets; i++)
		if (is_of(c, &u->sets[i]))
			return true;
	return false;
}

/* Adds the set of the candidate's source version, without members. */
static int add_set(struct unison *u, const struct renewal_candidate *c, struct err *err)
{
	struct unison_set *set;

	if (has_set(u, c))
		return 0;
	if (ARRAY_GROW(u->sets, u->nsets, err) < 0)
		return -ENOMEM;
	set = &u->sets[u->nsets++];
	*set = (struct unison_set){.source = c->source,
				   .source_version = c->source_version,
				   .of = calloc(u->count, sizeof *set->of)};
	return set->of ? 0 : err_nomem(err);
}

static int set_order(const void *a, const void *b)
{
	const struct unison_set *x = a, *y = b;

	return debian_version_order(y->source_version, x->source_version);
}

/* The newest build of the pin's package: candidates are newest first. */
static const struct renewal_candidate *member_of(const struct renewal *r,
						 const struct unison_set *set)
{
	for (size_t i = 0; i < r->ncandidates; i++)
		if (is_of(&r->candidates[i], set))
			return &r->candidates[i];
	return NULL;
}

enum set_state { SET_WHOLE, SET_SAME, SET_LACKS };

/* *lacks: the first pin whose origin does not have the set's source version. */
static enum set_state fill_set(const struct unison *u, struct unison_set *set, size_t *lacks)
{
	bool newer = false, whole = true;

	set->same_upstream = true;
	for (size_t i = 0; i < u->count; i++) {
		set->of[i] = member_of(u->renewals[i], set);
		if (!set->of[i]) {
			*lacks = i;
			whole = false;
			continue;
		}
		set->same_upstream &= set->of[i]->same_upstream;
		newer |= debian_version_order(set->of[i]->version, u->pins[i]->version) > 0;
	}
	return !newer ? SET_SAME : whole ? SET_WHOLE : SET_LACKS;
}

__attribute__((format(printf, 3, 4))) static int hold(struct unison *u, struct err *err,
						      const char *fmt, ...)
{
	va_list args;
	int n;

	if (u->held)
		return 0;
	va_start(args, fmt);
	n = vasprintf(&u->held, fmt, args);
	va_end(args);
	if (n < 0)
		u->held = NULL;
	return n < 0 ? err_nomem(err) : 0;
}

/* Keeps the sets that are whole and newer. */
static int choose_sets(struct unison *u, struct err *err)
{
	size_t kept = 0, lacks = 0;
	bool fixed = false;
	int r = 0;

	if (u->nsets)
		qsort(u->sets, u->nsets, sizeof *u->sets, set_order);
	for (size_t i = 0; i < u->nsets; i++) {
		enum set_state state = fill_set(u, &u->sets[i], &lacks);

		if (state == SET_LACKS && r == 0 &&
		    (kept == 0 || (u->sets[i].same_upstream && !fixed)))
			r = hold(u, err, "%s %s is not complete: its origin has no %s of it",
				 u->sets[i].source, u->sets[i].source_version,
				 u->pins[lacks]->name);
		fixed |= state == SET_WHOLE && u->sets[i].same_upstream;
		if (state == SET_WHOLE)
			u->sets[kept++] = u->sets[i];
		else
			free(u->sets[i].of);
	}
	u->nsets = kept;
	return r;
}

static int find_sets(struct unison *u, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->count; i++)
		if (u->renewals[i]->unknown)
			return u->count == 1
				       ? 0
				       : hold(u, err, "%s, of the same source, cannot move: %s",
					      u->pins[i]->name, u->renewals[i]->unknown);
	for (size_t i = 0; r == 0 && i < u->count; i++)
		for (size_t k = 0; r == 0 && k < u->renewals[i]->ncandidates; k++)
			r = add_set(u, &u->renewals[i]->candidates[k], err);
	return r < 0 ? r : choose_sets(u, err);
}

/* -- the whole -- */

int unisons_find(const struct app *app, const struct renewals *renewals, struct unisons *out,
		 struct err *err)
{
	int r = 0;

	*out = (struct unisons){0};
	for (size_t i = 0; r == 0 && i < app->npins; i++) {
		const struct renewal *renewal = renewals_get(renewals, &app->pins[i].digest);

		if (renewal)
			r = add_member(out, app, &app->pins[i], renewal, err);
	}
	for (size_t i = 0; r == 0 && i < out->count; i++)
		r = find_sets(&out->items[i], err);
	return r;
}

const struct unison_set *unison_newest(const struct unison *u, bool same_upstream)
{
	for (size_t i = 0; i < u->nsets; i++)
		if (!same_upstream || u->sets[i].same_upstream)
			return &u->sets[i];
	return NULL;
}

bool unison_has(const struct unison *u, const char *name)
{
	for (size_t i = 0; i < u->count; i++)
		if (strcmp(u->pins[i]->name, name) == 0)
			return true;
	return false;
}
