#include "renewal/renewal.h"

#include "base/array.h"
#include "base/path.h"
#include "dpkg/package.h"
#include "renewal/upstream.h"
#include "store/origin.h"
#include "upgrade/siblings.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void renewal_candidate_free(struct renewal_candidate *c)
{
	free(c->version);
	free(c->arch);
	free(c->source);
	free(c->source_version);
}

static void renewal_free(struct renewal *r)
{
	free(r->name);
	free(r->version);
	free(r->arch);
	provenance_free(&r->provenance);
	free(r->live);
	free(r->unknown);
	free(r->note);
	for (size_t i = 0; i < r->ncandidates; i++)
		renewal_candidate_free(&r->candidates[i]);
	free(r->candidates);
}

void renewals_free(struct renewals *renewals)
{
	for (size_t i = 0; i < renewals->count; i++)
		renewal_free(&renewals->items[i]);
	free(renewals->items);
	renewal_places_free(&renewals->places);
	*renewals = (struct renewals){0};
}

static int renewal_order(const void *a, const void *b)
{
	const struct renewal *x = a, *y = b;

	return memcmp(x->digest.bytes, y->digest.bytes, sizeof x->digest.bytes);
}

const struct renewal *renewals_get(const struct renewals *renewals, const struct digest *digest)
{
	const struct renewal key = {.digest = *digest};

	return renewals->count
		       ? bsearch(&key, renewals->items, renewals->count, sizeof key, renewal_order)
		       : NULL;
}

__attribute__((format(printf, 3, 4))) static int set_text(char **to, struct err *err,
							  const char *fmt, ...)
{
	va_list args;
	int n;

	free(*to);
	va_start(args, fmt);
	n = vasprintf(to, fmt, args);
	va_end(args);
	if (n < 0)
		*to = NULL;
	return n < 0 ? err_nomem(err) : 0;
}

/* -- pinned versions -- */

static int add_renewal(struct renewals *out, struct store *store, const struct pin *pin,
		       struct err *err)
{
	struct renewal *r;

	if (ARRAY_GROW(out->items, out->count, err) < 0)
		return -ENOMEM;
	r = &out->items[out->count++];
	*r = (struct renewal){.digest = pin->digest,
			      .name = strdup(pin->name),
			      .version = strdup(pin->version),
			      .arch = strdup(pin->arch)};
	if (!r->name || !r->version || !r->arch)
		return err_nomem(err);
	if (provenance_read(store, &r->digest, r->name, r->version, &r->provenance, err) < 0)
		return -ENOMEM;
	r->source_known = r->source_version_known = !r->provenance.source_guessed;
	return 0;
}

static int pin_order(const void *a, const void *b)
{
	const struct pin *const *x = a, *const *y = b;

	return memcmp((*x)->digest.bytes, (*y)->digest.bytes, sizeof(*x)->digest.bytes);
}

static int add_pinned(struct renewals *out, struct store *store, const struct apps *apps,
		      struct err *err)
{
	AUTO_FREE const struct pin **pins = NULL;
	size_t n = 0, count = 0;
	int r = 0;

	for (size_t i = 0; i < apps->count; i++)
		n += apps->items[i].npins;
	pins = calloc(n + 1, sizeof *pins);
	if (!pins)
		return err_nomem(err);
	for (size_t i = 0; i < apps->count; i++)
		for (size_t k = 0; k < apps->items[i].npins; k++)
			pins[count++] = &apps->items[i].pins[k];
	qsort(pins, count, sizeof *pins, pin_order);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (i == 0 || pin_order(&pins[i - 1], &pins[i]) != 0)
			r = add_renewal(out, store, pins[i], err);
	return r;
}

/* -- the question to each place -- */

/* Debian's policy, 5.6.7. apt takes other words for patterns. */
static bool is_package_name(const char *name)
{
	return strlen(name) >= 2 && strchr("abcdefghijklmnopqrstuvwxyz0123456789", *name) &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.")] == '\0';
}

static bool has_package(const struct origin *o)
{
	return origin_is_apt(o) || strncmp(o->source, "dpkg:", 5) == 0 ||
	       path_ends(o->source, ".deb");
}

/* An architecture's name, or "" for apt's own: the version has no code, and its package any architecture. */
static void find_asked_arch(const struct renewal *r, const struct origin *o, char arch[64])
{
	const char *colon = origin_is_apt(o) ? strchr(o->source + 4, ':') : NULL;
	const char *equals = strchr(o->source, '=');

	if (equals && colon > equals) /* an epoch */
		colon = NULL;
	snprintf(arch, 64, "%s%.*s", strcmp(r->arch, "all") == 0 && !colon ? "" : ":",
		 strcmp(r->arch, "all") != 0 ? 32
		 : colon		     ? (int)strcspn(colon + 1, "=/")
					     : 0,
		 strcmp(r->arch, "all") != 0 ? r->arch
		 : colon		     ? colon + 1
					     : "");
}

/* The name with "t64" behind it is that of the same library after Debian's change of time_t. */
static int add_question(struct renewal_place *place, const struct renewal *r, const char *arch,
			struct err *err)
{
	int done = strings_addf(&place->asked, err, "%s%s", r->name, arch);

	return done < 0 || path_ends(r->name, "t64")
		       ? done
		       : strings_addf(&place->asked, err, "%st64%s", r->name, arch);
}

/* *at: the number of the place; -1: there is none. */
static int prepare_question(struct renewals *all, struct store *store, struct renewal *r,
			    ssize_t *at, struct err *err)
{
	AUTO_ORIGIN struct origin o = {0};
	struct err why;
	char arch[64];

	*at = -1;
	if (origin_read(store, &r->digest, &o, &why) < 0)
		return set_text(&r->unknown, err, "its origin is not known");
	if (!has_package(&o))
		return set_text(&r->unknown, err, "its origin, %s, is no package of Debian's",
				o.source);
	if (!is_package_name(r->name))
		return set_text(&r->unknown, err, "%s is not a valid name of a Debian package",
				r->name);
	*at = renewal_places_find(&all->places, o.apt_config, origin_suite(&o), err);
	if (*at < 0)
		return -ENOMEM;
	find_asked_arch(r, &o, arch);
	return add_question(&all->places.items[*at], r, arch, err);
}

static int ask_places(struct renewals *all, struct store *store, struct err *err)
{
	AUTO_FREE ssize_t *at = calloc(all->count + 1, sizeof *at);
	int r = at ? 0 : err_nomem(err);

	for (size_t i = 0; r == 0 && i < all->count; i++)
		r = prepare_question(all, store, &all->items[i], &at[i], err);
	for (size_t i = 0; r == 0 && i < all->places.count; i++)
		r = renewal_place_ask(&all->places.items[i], err);
	for (size_t i = 0; r == 0 && i < all->count; i++)
		if (at[i] >= 0) /* places no longer move */
			all->items[i].place = &all->places.items[at[i]];
	return r;
}

/* -- the answer -- */

#define VERSION_MAX 255 /* bytes that debian_version_order compares */

/* deb-version(7). An index may have any text. */
static bool is_version(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= VERSION_MAX && isdigit((unsigned char)*text) &&
	       strspn(text,
		      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.+-~:") == len;
}

static bool is_answer(const struct renewal *r, const struct control *c)
{
	return strcmp(c->name, r->name) == 0 && package_archs_fit(c->arch, r->arch) &&
	       is_version(c->version);
}

static int candidate_order(const void *a, const void *b)
{
	const struct renewal_candidate *x = a, *y = b;

	return debian_version_order(y->version, x->version);
}

static int add_candidate(struct renewal *r, const struct control *c, struct err *err)
{
	struct renewal_candidate *to;

	if (ARRAY_GROW(r->candidates, r->ncandidates, err) < 0)
		return -ENOMEM;
	to = &r->candidates[r->ncandidates++];
	*to = (struct renewal_candidate){.version = strdup(c->version),
					 .arch = strdup(c->arch),
					 .source = strdup(c->source),
					 .source_version = strdup(c->source_version),
					 .same_upstream = upstream_same(c->version, r->version)};
	return to->version && to->arch && to->source && to->source_version ? 0 : err_nomem(err);
}

/* Without a note the source is that of the same version, or else of any version of the package. */
static int improve_guess(struct renewal *r, const struct control *c, struct err *err)
{
	struct provenance *p = &r->provenance;
	bool same = c && strcmp(c->version, r->version) == 0;

	if (!p->source_guessed || !c)
		return 0;
	r->source_known = true;
	if (set_text(&p->source, err, "%s", c->source) < 0)
		return -ENOMEM;
	r->source_version_known = same;
	return same ? set_text(&p->source_version, err, "%s", c->source_version) : 0;
}

static int note_source_name(struct renewal *r, const struct renewal_candidate *c, struct err *err)
{
	if (r->provenance.source_guessed || strcmp(c->source, r->provenance.source) == 0)
		return 0;
	return set_text(&r->note, err, "%s %s is built from the source %s, no longer from %s",
			r->name, c->version, c->source, r->provenance.source);
}

static void choose_newest(struct renewal *r)
{
	for (size_t i = 0; i < r->ncandidates; i++) {
		const struct renewal_candidate *c = &r->candidates[i];

		if (debian_version_order(c->version, r->version) <= 0)
			continue;
		if (!r->newest)
			r->newest = c->version;
		if (!r->fixed && c->same_upstream)
			r->fixed = c->version;
	}
}

static const char *find_successor(const struct renewal *r)
{
	char name[300];

	snprintf(name, sizeof name, "%st64", r->name);
	for (size_t i = 0; i < r->place->controls.count; i++)
		if (strcmp(r->place->controls.items[i].name, name) == 0)
			return r->place->controls.items[i].name;
	return NULL;
}

/* Why there is no package of this name. */
static int explain_unknown(struct renewal *r, const struct packages *installed, struct err *err)
{
	AUTO_FREE char *place = renewal_place_name(r->place);
	const char *successor = find_successor(r);
	const struct package *other = NULL;

	if (!place)
		return err_nomem(err);
	for (size_t i = 0; !other && i < installed->count; i++)
		if (strcmp(installed->items[i].source, r->provenance.source) == 0 &&
		    strncmp(installed->items[i].name, "lib", 3) == 0 &&
		    !path_ends(installed->items[i].name, "-dev"))
			other = &installed->items[i];
	if (successor)
		return set_text(
			&r->unknown, err,
			"%s has no %s, but %s: the same library after Debian's change of time_t",
			place, r->name, successor);
	if (other && strcmp(other->name, r->name) != 0)
		return set_text(&r->unknown, err,
				"%s has no %s; its source %s is installed here as %s %s: programs "
				"load one in place of the other only if the sonames are equal",
				place, r->name, r->provenance.source, other->name, other->version);
	return set_text(&r->unknown, err, "%s has no %s", place, r->name);
}

static int take_versions(struct renewal *r, const struct packages *installed, struct err *err)
{
	const struct control *known = NULL;
	bool backport = upstream_is_backport(r->version);
	int done = 0;

	for (size_t i = 0; done == 0 && i < r->place->controls.count; i++) {
		const struct control *c = &r->place->controls.items[i];

		if (!is_answer(r, c))
			continue;
		if (!known || strcmp(c->version, r->version) == 0)
			known = c;
		if ((backport || !upstream_is_backport(c->version)) &&
		    renewal_place_has(r->place, c) &&
		    debian_version_order(c->version, r->version) >= 0)
			done = add_candidate(r, c, err);
	}
	if (done == 0 && !known)
		return explain_unknown(r, installed, err);
	if (done == 0)
		done = improve_guess(r, known, err);
	if (r->ncandidates)
		qsort(r->candidates, r->ncandidates, sizeof *r->candidates, candidate_order);
	choose_newest(r);
	return done == 0 && r->ncandidates ? note_source_name(r, &r->candidates[0], err) : done;
}

static int take_live(struct renewal *r, const struct packages *installed, struct err *err)
{
	const struct pin pin = {.name = r->name, .version = r->version, .arch = r->arch};
	const struct package *live = siblings_installed(installed, &pin);

	if (!live)
		return 0;
	r->source_known = true;
	if (r->provenance.source_guessed &&
	    set_text(&r->provenance.source, err, "%s", live->source) < 0)
		return -ENOMEM;
	return set_text(&r->live, err, "%s", live->version);
}

int renewals_find(struct store *store, const struct apps *apps, struct renewals *out,
		  struct err *err)
{
	AUTO_PACKAGES struct packages installed = {0};
	int r;

	*out = (struct renewals){0};
	/* apt and intake/ would take it for that of an origin without one. */
	unsetenv("APT_CONFIG");
	r = add_pinned(out, store, apps, err);
	if (r == 0 && out->count)
		r = packages_installed(NULL, 0, &installed, err);
	if (r == 0)
		r = ask_places(out, store, err);
	for (size_t i = 0; r == 0 && i < out->count; i++) {
		struct renewal *item = &out->items[i];

		r = take_live(item, &installed, err);
		if (r == 0 && item->place && item->place->unknown)
			r = set_text(&item->unknown, err, "%s", item->place->unknown);
		else if (r == 0 && item->place)
			r = take_versions(item, &installed, err);
	}
	return r;
}
