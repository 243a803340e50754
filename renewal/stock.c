#include "renewal/stock.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/paths.h"
#include "base/strings.h"
#include "ephemeral/ephemeral.h"
#include "host/app_file.h"
#include "intake/intake.h"
#include "store/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After so many downloads that failed, one after the other, a place is given up. */
#define FAILURES_MAX 2

void stock_free(struct stock *stock)
{
	for (size_t i = 0; i < stock->count; i++) {
		version_free(&stock->items[i].version);
		free(stock->items[i].why);
	}
	free(stock->items);
	strings_free(&stock->unverified);
	*stock = (struct stock){0};
}

static bool is_stocked(const struct stocked *s, const struct renewal *r,
		       const struct renewal_candidate *c)
{
	return s->renewal->place == r->place && strcmp(s->renewal->name, r->name) == 0 &&
	       strcmp(s->renewal->arch, r->arch) == 0 &&
	       strcmp(s->candidate->version, c->version) == 0;
}

static struct stocked *find_stocked(const struct stock *stock, const struct renewal *r,
				    const struct renewal_candidate *c)
{
	for (size_t i = 0; i < stock->count; i++)
		if (is_stocked(&stock->items[i], r, c))
			return &stock->items[i];
	return NULL;
}

/* Whether the pin moves with the set, and does not have its version already. */
static bool moves(const struct unison *u, const struct unison_set *set, size_t i)
{
	return strcmp(set->of[i]->version, u->pins[i]->version) != 0;
}

int stock_want(struct stock *stock, const struct unison *u, const struct unison_set *set,
	       struct err *err)
{
	for (size_t i = 0; i < u->count; i++) {
		if (!moves(u, set, i) || find_stocked(stock, u->renewals[i], set->of[i]))
			continue;
		if (ARRAY_GROW(stock->items, stock->count, err) < 0)
			return -ENOMEM;
		stock->items[stock->count++] =
			(struct stocked){.renewal = u->renewals[i], .candidate = set->of[i]};
	}
	return 0;
}

const struct stocked *stock_get(const struct stock *stock, const struct unison *u,
				const struct unison_set *set, size_t i)
{
	return moves(u, set, i) ? find_stocked(stock, u->renewals[i], set->of[i]) : NULL;
}

static int give_up(struct stocked *s, const char *why, struct err *err)
{
	if (s->store || s->why)
		return 0;
	s->why = strdup(why);
	return s->why ? 0 : err_nomem(err);
}

/* -- the store in memory -- */

/* Root has this directory wherever there are pins, and neither proofs nor apt use it. */
#define SCRATCH_DIR PINLIB_STORE "/tmp"
#define SCRATCH_STORE SCRATCH_DIR "/scratch"

int stock_open_scratch(struct store **out, struct err *err)
{
	int r = ephemeral_hide(SCRATCH_DIR, err);

	if (r == 0)
		r = store_open(SCRATCH_STORE, true, out, err);
	if (r == 0)
		app_file_add_store(SCRATCH_STORE);
	return r;
}

/* -- versions in the store -- */

static bool is_from_place(struct store *store, const struct version *v,
			  const struct renewal_place *place)
{
	AUTO_ORIGIN struct origin o = {0};
	struct err unknown;

	return origin_read(store, &v->digest, &o, &unknown) == 0 && origin_is_apt(&o) &&
	       string_equal(o.apt_config, place->config) &&
	       string_equal(origin_suite(&o), place->suite);
}

/* A version that came from elsewhere under the same name and number may have other content. */
static int find_in_store(struct stocked *s, struct store *store, const struct versions *all,
			 struct err *err)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct version *v = &all->items[i];

		if (strcmp(v->name, s->renewal->name) != 0 ||
		    strcmp(v->version, s->candidate->version) != 0 ||
		    strcmp(v->arch, s->renewal->arch) != 0 ||
		    !is_from_place(store, v, s->renewal->place))
			continue;
		if (store_load(store, &v->digest, &s->version, err) < 0)
			continue;
		s->store = store;
		return 0;
	}
	return 0;
}

/* -- downloads -- */

struct downloading {
	struct stock *stock;
	const struct renewal_place *place;
	struct store *into;
	char why[ERR_TEXT_MAX]; /* of the last archive that was refused */
};

static bool is_missing(const struct downloading *d, size_t i)
{
	const struct stocked *s = &d->stock->items[i];

	return i >= d->stock->filled && !s->store && !s->why && s->renewal->place == d->place;
}

static int take_version(struct downloading *d, const struct version *v, struct err *err)
{
	for (size_t i = 0; i < d->stock->count; i++) {
		struct stocked *s = &d->stock->items[i];

		if (!is_missing(d, i) || strcmp(v->name, s->renewal->name) != 0 ||
		    strcmp(v->version, s->candidate->version) != 0)
			continue;
		if (strcmp(v->arch, s->renewal->arch) != 0) {
			snprintf(d->why, sizeof d->why,
				 "%s %s is for %s, and the pinned version for %s", v->name,
				 v->version, v->arch, s->renewal->arch);
			continue;
		}
		if (store_load(d->into, &v->digest, &s->version, err) < 0)
			return -EIO;
		s->store = d->into;
	}
	return 0;
}

static int take_fetched(void *ctx, const struct version *v, const struct err *why, struct err *err)
{
	struct downloading *d = ctx;

	if (v)
		return take_version(d, v, err);
	snprintf(d->why, sizeof d->why, "%s", why->text);
	return 0;
}

static int add_package(struct strings *list, const struct stocked *s, struct err *err)
{
	bool all = strcmp(s->candidate->arch, "all") == 0;

	return strings_addf(list, err, "%s%s%s=%s", s->renewal->name, all ? "" : ":",
			    all ? "" : s->candidate->arch, s->candidate->version);
}

/* Downloads number only of the stock, or with stock->count all that are missing. */
static int download_some(struct downloading *d, size_t only, struct err *err)
{
	const struct apt_place apt = {d->place->config, d->place->suite};
	AUTO_STRINGS struct strings packages = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->stock->count; i++)
		if (is_missing(d, i) && (only == d->stock->count || only == i))
			r = add_package(&packages, &d->stock->items[i], err);
	d->why[0] = '\0';
	return r == 0 && packages.count ? intake_fetch(d->into, &packages, &apt,
						       &d->stock->unverified, take_fetched, d, err)
					: r;
}

/* apt downloads all or none: where one of them is gone, each is asked for alone. */
static int download_each(struct downloading *d, struct err *why, struct err *err)
{
	size_t failures = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->stock->count; i++) {
		if (!is_missing(d, i))
			continue;
		if (failures < FAILURES_MAX) {
			r = download_some(d, i, why);
			failures = r < 0 ? failures + 1 : 0;
		}
		if (r == -ENOMEM)
			return err_nomem(err);
		r = give_up(&d->stock->items[i],
			    r == 0 && d->why[0] && !failures ? d->why : why->text, err);
	}
	return r;
}

static int download_place(struct downloading *d, struct err *err)
{
	struct err why;
	int r = download_some(d, d->stock->count, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return download_each(d, &why, err);
	for (size_t i = 0; r == 0 && i < d->stock->count; i++)
		if (is_missing(d, i))
			r = give_up(&d->stock->items[i],
				    d->why[0] ? d->why : "apt downloaded another version", err);
	return r;
}

int stock_fill(struct stock *stock, struct store *store, struct store *into, struct err *err)
{
	AUTO_VERSIONS struct versions all = {0};
	int r = stock->filled < stock->count ? store_list(store, &all, err) : 0;

	for (size_t i = stock->filled; r == 0 && i < stock->count; i++)
		r = find_in_store(&stock->items[i], store, &all, err);
	for (size_t i = stock->filled; r == 0 && i < stock->count; i++) {
		struct downloading d = {stock, stock->items[i].renewal->place, into, ""};

		if (!is_missing(&d, i))
			continue;
		r = into ? download_place(&d, err)
			 : give_up(&stock->items[i], "it is not in the store", err);
	}
	if (r == 0)
		stock->filled = stock->count;
	return r;
}
