#include "renewal/advance.h"

#include "base/array.h"
#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define PASSES_MAX 4 /* in which one source may wait for another */

static void drop_refusals(struct advance *a)
{
	for (size_t i = 0; i < a->nrefusals; i++)
		free(a->refusals[i].why);
	free(a->refusals);
	a->refusals = NULL;
	a->nrefusals = 0;
}

void advances_free(struct advances *all)
{
	for (size_t i = 0; i < all->count; i++)
		drop_refusals(&all->items[i]);
	free(all->items);
	for (size_t i = 0; i < all->napps; i++)
		unisons_free(&all->unisons[i]);
	free(all->unisons);
	stock_free(&all->stock);
	*all = (struct advances){0};
}

static bool is_asked_for(const struct unison *u, const struct strings *names)
{
	for (size_t i = 0; names && i < names->count; i++)
		if (unison_has(u, names->items[i]))
			return true;
	return names == NULL;
}

int advances_find(const struct apps *apps, const struct renewals *renewals,
		  const struct strings *names, bool same_upstream, struct advances *out,
		  struct err *err)
{
	int r = 0;

	*out = (struct advances){.unisons = calloc(apps->count + 1, sizeof *out->unisons),
				 .same_upstream = same_upstream};
	if (!out->unisons)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < apps->count; i++) {
		r = unisons_find(&apps->items[i], renewals, &out->unisons[out->napps++], err);
		for (size_t k = 0; r == 0 && k < out->unisons[i].count; k++) {
			const struct unison *u = &out->unisons[i].items[k];

			if (!unison_newest(u, same_upstream) || !is_asked_for(u, names))
				continue;
			if (ARRAY_GROW(out->items, out->count, err) < 0)
				return -ENOMEM;
			out->items[out->count++] = (struct advance){.unison = u};
		}
	}
	return r;
}

/* -- trials -- */

/* The advances of one app. */
struct app_advances {
	struct advances *all;
	struct advance *items;
	size_t count;
	struct store *store, *into;
};

static int refuse(struct advance *a, const struct unison_set *set, struct renewal_trial *t,
		  struct err *err)
{
	if (ARRAY_GROW(a->refusals, a->nrefusals, err) < 0)
		return -ENOMEM;
	a->refusals[a->nrefusals++] =
		(struct advance_refusal){set, t->result, t->lacks_library, t->why};
	t->why = NULL;
	return 0;
}

/* Tries one set of an advance, together with what the app's other advances have chosen. */
static int try_set(const struct app_advances *of, struct advance *a, const struct unison_set *set,
		   struct err *err)
{
	AUTO_FREE struct trial_move *moves = calloc(of->count, sizeof *moves);
	CLEANUP(trial_free) struct renewal_trial t = {.app = a->unison->app, .moves = moves};
	int r = moves ? stock_want(&of->all->stock, a->unison, set, err) : err_nomem(err);

	if (r == 0)
		r = stock_fill(&of->all->stock, of->store, of->into, err);
	if (r < 0)
		return r;
	moves[t.nmoves++] = (struct trial_move){a->unison, set};
	for (size_t i = 0; i < of->count; i++)
		if (&of->items[i] != a && of->items[i].set)
			moves[t.nmoves++] =
				(struct trial_move){of->items[i].unison, of->items[i].set};
	r = trials_run(of->store, &of->all->stock, &t, 1, err);
	if (r == 0 && t.result == TRIAL_HOLDS)
		a->set = set;
	else if (r == 0)
		r = refuse(a, set, &t, err);
	return r;
}

static int try_sets(const struct app_advances *of, struct advance *a, struct err *err)
{
	int r = 0;

	drop_refusals(a);
	for (size_t i = 0; r == 0 && !a->set && i < a->unison->nsets; i++)
		if (!of->all->same_upstream || a->unison->sets[i].same_upstream)
			r = try_set(of, a, &a->unison->sets[i], err);
	return r;
}

/* One source after the other. A source that was refused may be accepted once another has moved. */
static int settle_one_by_one(const struct app_advances *of, struct err *err)
{
	bool moved = true;
	int r = 0;

	for (int pass = 0; r == 0 && moved && pass < PASSES_MAX; pass++) {
		moved = false;
		for (size_t i = 0; r == 0 && i < of->count; i++) {
			if (of->items[i].set)
				continue;
			r = try_sets(of, &of->items[i], err);
			moved |= of->items[i].set != NULL;
		}
		moved &= of->count > 1;
	}
	return r;
}

static size_t count_of_app(const struct advances *all, size_t first)
{
	size_t n = 1;

	while (first + n < all->count &&
	       all->items[first + n].unison->app == all->items[first].unison->app)
		n++;
	return n;
}

/* First all newest sets of each app at once, all apps beside each other: mostly this holds. */
static int try_newest(struct advances *all, struct store *store, struct store *into,
		      struct renewal_trial *trials, struct trial_move *moves, struct err *err)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->count; i++) {
		const struct unison *u = all->items[i].unison;

		moves[i] = (struct trial_move){u, unison_newest(u, all->same_upstream)};
		if (i == 0 || all->items[i - 1].unison->app != u->app)
			trials[n++] = (struct renewal_trial){
				.app = u->app, .moves = &moves[i], .nmoves = count_of_app(all, i)};
		r = stock_want(&all->stock, u, moves[i].set, err);
	}
	if (r == 0)
		r = stock_fill(&all->stock, store, into, err);
	return r < 0 ? r : trials_run(store, &all->stock, trials, n, err);
}

static int take_newest(struct advances *all, struct store *store, struct store *into,
		       const struct renewal_trial *trials, const struct trial_move *moves,
		       struct err *err)
{
	int r = 0;

	for (size_t i = 0, n = 0; r == 0 && i < all->count; i += count_of_app(all, i), n++) {
		const struct app_advances of = {all, &all->items[i], count_of_app(all, i), store,
						into};

		if (trials[n].result != TRIAL_HOLDS)
			r = settle_one_by_one(&of, err);
		for (size_t k = 0; trials[n].result == TRIAL_HOLDS && k < of.count; k++)
			of.items[k].set = moves[i + k].set;
	}
	return r;
}

int advances_prove(struct advances *all, struct store *store, struct store *into, struct err *err)
{
	AUTO_FREE struct renewal_trial *trials = calloc(all->count + 1, sizeof *trials);
	AUTO_FREE struct trial_move *moves = calloc(all->count + 1, sizeof *moves);
	int r;

	if (!trials || !moves)
		return err_nomem(err);
	r = try_newest(all, store, into, trials, moves, err);
	if (r == 0)
		r = take_newest(all, store, into, trials, moves, err);
	for (size_t i = 0; i < all->count; i++)
		trial_free(&trials[i]);
	return r;
}

/* -- pins -- */

static int pin_advance(const struct advances *all, const struct advance *a, struct policy *policy,
		       struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->unison->count; i++) {
		const struct stocked *s = stock_get(&all->stock, a->unison, a->set, i);
		const struct pin *pin = a->unison->pins[i];

		if (s)
			r = policy_pin(policy, a->unison->app->path, &s->version, pin->origin,
				       pin->place, err);
	}
	return r;
}

int advances_pin(const struct advances *all, const struct app *app, struct policy *policy,
		 struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->count; i++)
		if (all->items[i].unison->app == app && all->items[i].set)
			r = pin_advance(all, &all->items[i], policy, err);
	return r;
}

bool advances_has(const struct advances *all, const struct app *app)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].unison->app == app && all->items[i].set)
			return true;
	return false;
}
