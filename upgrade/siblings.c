#include "upgrade/siblings.h"

#include "base/cleanup.h"
#include "dpkg/owner.h"
#include "host/app_file.h"
#include "provenance/provenance.h"

#include <stdlib.h>
#include <string.h>

struct sibling_search {
	struct store *store;
	const struct apps *apps;
	struct packages installed;
	const struct package ***live; /* of each app's pins: the installed package, or NULL */
	const struct package **owner; /* of each app: the package of its program, or NULL */
};

static void sibling_search_free(struct sibling_search *s)
{
	for (size_t i = 0; s->live && i < s->apps->count; i++)
		free(s->live[i]);
	free(s->live);
	free(s->owner);
	packages_free(&s->installed);
}

static bool is_package_of(const struct package *p, const struct pin *pin)
{
	size_t len = strlen(pin->name);

	return strncmp(p->name, pin->name, len) == 0 &&
	       (p->name[len] == '\0' || strcmp(p->name + len, "t64") == 0) &&
	       package_archs_fit(p->arch, pin->arch);
}

const struct package *siblings_installed(const struct packages *all, const struct pin *pin)
{
	for (size_t i = 0; i < all->count; i++)
		if (is_package_of(&all->items[i], pin))
			return &all->items[i];
	return NULL;
}

static bool is_other(const struct package *live, const struct pin *pin)
{
	return live && strcmp(live->version, pin->version) != 0;
}

static bool are_siblings(const struct package *a, const struct package *b)
{
	return a != b && strcmp(a->source, b->source) == 0;
}

/* *others: some pin is another version than the installed one. */
static int find_live(struct sibling_search *s, bool *others, struct err *err)
{
	*others = false;
	s->live = calloc(s->apps->count + 1, sizeof *s->live);
	s->owner = calloc(s->apps->count + 1, sizeof *s->owner);
	if (!s->live || !s->owner)
		return err_nomem(err);
	for (size_t i = 0; i < s->apps->count; i++) {
		const struct app *app = &s->apps->items[i];

		s->live[i] = calloc(app->npins + 1, sizeof(struct package *));
		if (!s->live[i])
			return err_nomem(err);
		for (size_t k = 0; k < app->npins; k++) {
			s->live[i][k] = siblings_installed(&s->installed, &app->pins[k]);
			*others |= is_other(s->live[i][k], &app->pins[k]);
		}
	}
	return 0;
}

/* Whether p may own a program of the apps. */
static bool is_wanted(const struct sibling_search *s, const struct package *p)
{
	for (size_t i = 0; i < s->apps->count; i++)
		for (size_t k = 0; k < s->apps->items[i].npins; k++)
			if (is_other(s->live[i][k], &s->apps->items[i].pins[k]) &&
			    are_siblings(s->live[i][k], p))
				return true;
	return false;
}

/* Among siblings of pins that differ, the owners of the programs: their paths are diverted, which
 * packages_match does not mind. */
static int find_program_owners(struct sibling_search *s, struct err *err)
{
	const size_t n = s->apps->count;
	AUTO_FREE const char **queries = calloc(s->installed.count + 1, sizeof *queries);
	AUTO_FREE const struct package **asked = calloc(s->installed.count + 1, sizeof *asked);
	AUTO_FREE const char **paths = calloc(n + 1, sizeof *paths);
	AUTO_FREE size_t *of = calloc(n + 1, sizeof *of);
	AUTO_FREE bool *libraries = calloc(s->installed.count + 1, sizeof *libraries);
	size_t count = 0;
	int r;

	if (!queries || !asked || !paths || !of || !libraries)
		return err_nomem(err);
	for (size_t i = 0; i < s->installed.count; i++)
		if (is_wanted(s, &s->installed.items[i])) {
			asked[count] = &s->installed.items[i];
			queries[count++] = s->installed.items[i].query;
		}
	for (size_t i = 0; i < n; i++)
		paths[i] = s->apps->items[i].path;
	r = count ? packages_match(queries, count, paths, n, of, libraries, err) : 0;
	for (size_t i = 0; r == 0 && count && i < n; i++)
		s->owner[i] = of[i] == OWNER_NONE ? NULL : asked[of[i]];
	return r;
}

static int add_program(const struct sibling_search *s, size_t i, size_t pin, struct strings *out,
		       struct err *err)
{
	const struct app *app = &s->apps->items[i];
	const struct package *p = s->owner[i];

	if (!p || !are_siblings(s->live[i][pin], p) || app_is_supplied(s->store, app))
		return 0;
	return strings_addf(out, err,
			    "the program comes from %s %s, and the pinned %s %s was built from "
			    "the same source: one may refuse the other, which the loader does "
			    "not see; pin %s, too, or test the program",
			    p->name, p->version, app->pins[pin].name, app->pins[pin].version,
			    p->name);
}

static int add_pins(const struct sibling_search *s, size_t i, size_t pin, struct strings *out,
		    struct err *err)
{
	const struct app *app = &s->apps->items[i];

	for (size_t k = 0; k < app->npins; k++) {
		const struct package *live = s->live[i][k];

		if (!live || is_other(live, &app->pins[k]) || !are_siblings(s->live[i][pin], live))
			continue;
		return strings_addf(out, err,
				    "the pinned %s %s and %s %s were built from different versions "
				    "of one source: one may refuse the other",
				    app->pins[pin].name, app->pins[pin].version, app->pins[k].name,
				    app->pins[k].version);
	}
	return 0;
}

static int add_sentence(const struct sibling_search *s, size_t i, size_t pin, struct strings *out,
			struct err *err)
{
	int r;

	if (!is_other(s->live[i][pin], &s->apps->items[i].pins[pin]))
		return 0;
	r = add_program(s, i, pin, out, err);
	return r < 0 || out->count ? r : add_pins(s, i, pin, out, err);
}

/* -- pins of one source, by what is known of their packages -- */

static bool are_mixed(const struct provenance *a, const struct provenance *b)
{
	return !a->source_guessed && !b->source_guessed && strcmp(a->source, b->source) == 0 &&
	       strcmp(a->source_version, b->source_version) != 0;
}

static int add_mix_of(const struct app *app, const struct provenance *of, struct strings *out,
		      struct err *err)
{
	for (size_t i = 0; i < app->npins; i++)
		for (size_t k = i + 1; k < app->npins; k++)
			if (are_mixed(&of[i], &of[k]))
				return strings_addf(out, err,
						    "the pinned %s %s and %s %s were built from "
						    "different versions of one source: one may "
						    "refuse the other",
						    app->pins[i].name, app->pins[i].version,
						    app->pins[k].name, app->pins[k].version);
	return 0;
}

static int add_mix(struct store *store, const struct app *app, struct strings *out, struct err *err)
{
	AUTO_FREE struct provenance *of = calloc(app->npins + 1, sizeof *of);
	int r = of ? 0 : err_nomem(err);

	for (size_t i = 0; r == 0 && i < app->npins; i++)
		r = provenance_read(store, &app->pins[i].digest, app->pins[i].name,
				    app->pins[i].version, &of[i], err);
	if (r == 0)
		r = add_mix_of(app, of, out, err);
	for (size_t i = 0; of && i < app->npins; i++)
		provenance_free(&of[i]);
	return r;
}

/* -- all -- */

static int add_siblings(struct sibling_search *s, struct strings *of, struct err *err)
{
	bool others = false;
	int r = packages_installed(NULL, 0, &s->installed, err);

	if (r == 0)
		r = find_live(s, &others, err);
	if (r < 0 || !others)
		return r;
	r = find_program_owners(s, err);
	for (size_t i = 0; r == 0 && i < s->apps->count; i++)
		for (size_t k = 0; r == 0 && of[i].count == 0 && k < s->apps->items[i].npins; k++)
			r = add_sentence(s, i, k, &of[i], err);
	return r;
}

int siblings_find(struct store *store, const struct apps *apps, struct strings *of, struct err *err)
{
	CLEANUP(sibling_search_free)
	struct sibling_search s = {.store = store, .apps = apps};
	size_t pins = 0;
	int r;

	for (size_t i = 0; i < apps->count; i++)
		pins += apps->items[i].npins;
	r = pins ? add_siblings(&s, of, err) : 0;
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		if (of[i].count == 0 && apps->items[i].npins > 1)
			r = add_mix(store, &apps->items[i], &of[i], err);
	return r;
}
