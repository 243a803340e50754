#include "view/supplier.h"

#include "base/array.h"
#include "intake/candidates.h"
#include "store/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_pin_named(const struct app *app, const struct version *v)
{
	for (size_t i = 0; i < app->npins; i++)
		if (strcmp(app->pins[i].name, v->name) == 0 &&
		    strcmp(app->pins[i].arch, v->arch) == 0)
			return true;
	return false;
}

static const char *arch_of_pins(const struct app *app)
{
	for (size_t i = 0; i < app->npins; i++)
		if (strcmp(app->pins[i].arch, "all") != 0)
			return app->pins[i].arch;
	return "";
}

bool supplier_fits(const struct app *app, const struct version *v, const char *soname)
{
	return strcmp(v->arch, arch_of_pins(app)) == 0 && !has_pin_named(app, v) &&
	       version_has_soname(v, soname);
}

/* -- the search -- */

struct supplier_search {
	const struct app *app;
	struct versions stored; /* all of the store */
	struct origin *
		origins; /* where the pins came from; one for all packages of a configuration of apt */
	size_t norigins;
	struct apt_answers apt;
};

void supplier_search_free(struct supplier_search **search)
{
	struct supplier_search *s = *search;

	if (!s)
		return;
	versions_free(&s->stored);
	for (size_t i = 0; i < s->norigins; i++)
		origin_free(&s->origins[i]);
	free(s->origins);
	apt_answers_free(&s->apt);
	free(s);
	*search = NULL;
}

/* "apt:libxml2" and "apt:libssl3" become "apt:libxml2 libssl3". */
static int append_package(struct origin *to, const struct origin *from, struct err *err)
{
	char *both;

	if (asprintf(&both, "%s %s", to->source, from->source + strlen("apt:")) < 0)
		return err_nomem(err);
	free(to->source);
	to->source = both;
	return 0;
}

/* Takes what *origin has, or appends its package to one that is known. */
static int add_origin(struct supplier_search *s, struct origin *origin, struct err *err)
{
	for (size_t i = 0; i < s->norigins; i++)
		if (origin_is_apt(origin) && origin_same_place(&s->origins[i], origin))
			return append_package(&s->origins[i], origin, err);
	if (ARRAY_GROW(s->origins, s->norigins, err) < 0)
		return -ENOMEM;
	s->origins[s->norigins++] = *origin;
	*origin = (struct origin){0};
	return 0;
}

/* The last place to look is apt as it is configured now. */
static int add_origins(struct supplier_search *s, struct store *store,
		       const struct versions *pinned, struct err *err)
{
	struct origin now = {.source = strdup("apt:")};
	struct err ignored;
	int r = 0;

	for (size_t i = 0; r == 0 && i < pinned->count; i++) {
		AUTO_ORIGIN struct origin origin = {0};

		if (origin_read(store, &pinned->items[i].digest, &origin, &ignored) == 0)
			r = add_origin(s, &origin, err);
	}
	if (r == 0)
		r = now.source ? add_origin(s, &now, err) : err_nomem(err);
	origin_free(&now);
	return r;
}

int supplier_search_new(struct store *store, const struct app *app, const struct versions *pinned,
			struct supplier_search **out, struct err *err)
{
	AUTO_SUPPLIER_SEARCH struct supplier_search *s = calloc(1, sizeof *s);
	struct err ignored;
	int r = 0;

	*out = NULL;
	if (!s)
		return err_nomem(err);
	s->app = app;
	if (store && store_list(store, &s->stored, &ignored) == 0)
		r = add_origins(s, store, pinned, err);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

void supplier_hint(struct supplier_search *s, const char *soname, char *text, size_t size)
{
	text[0] = '\0';
	if (strchr(soname, '/'))
		return;
	for (size_t i = s->stored.count; i-- > 0;)
		if (supplier_fits(s->app, &s->stored.items[i], soname)) {
			snprintf(text, size, "the store has it in %s=%s", s->stored.items[i].name,
				 s->stored.items[i].version);
			return;
		}
	for (size_t i = 0; i < s->norigins && !*text; i++) {
		AUTO_CANDIDATES struct candidates found = {0};
		struct err ignored;

		if (candidates_find(&s->apt, &s->origins[i], soname, &found, &ignored) == 0 &&
		    found.likely)
			snprintf(text, size, "%s may have it", found.sources.items[0]);
	}
}
