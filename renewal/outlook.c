#include "renewal/outlook.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void outlooks_free(struct outlooks *o)
{
	for (size_t i = 0; i < o->ntrials; i++)
		trial_free(&o->trials[i]);
	free(o->trials);
	free(o->moves);
	for (size_t i = 0; i < o->napps; i++)
		unisons_free(&o->unisons[i]);
	free(o->unisons);
	free(o->items);
	stock_free(&o->stock);
	*o = (struct outlooks){0};
}

static bool is_live_same(const struct unison *u)
{
	for (size_t i = 0; i < u->count; i++)
		if (!string_equal(u->renewals[i]->live, u->pins[i]->version))
			return false;
	return true;
}

static bool has_live(const struct unison *u)
{
	for (size_t i = 0; i < u->count; i++)
		if (u->renewals[i]->live)
			return true;
	return false;
}

static int add_outlook(struct outlooks *out, const struct unison *u, struct err *err)
{
	if (ARRAY_GROW(out->items, out->count, err) < 0)
		return -ENOMEM;
	out->items[out->count++] = (struct outlook){
		.unison = u,
		.live_same = is_live_same(u),
		.sets = {[OUTLOOK_FIXED] = unison_newest(u, true),
			 [OUTLOOK_NEWEST] = unison_newest(u, false)},
	};
	return 0;
}

/* The newest version of the same upstream may be the newest of all: one trial serves both. */
static void plan_trials(struct outlooks *out, struct outlook *o)
{
	for (size_t k = 0; k < OUTLOOKS; k++) {
		if (k == OUTLOOK_LIVE ? o->live_same || !has_live(o->unison) : !o->sets[k])
			continue;
		if (k == OUTLOOK_NEWEST && o->sets[k] == o->sets[OUTLOOK_FIXED]) {
			o->trials[k] = o->trials[OUTLOOK_FIXED];
			continue;
		}
		out->moves[out->ntrials] = (struct trial_move){o->unison, o->sets[k]};
		o->trials[k] = &out->trials[out->ntrials];
		out->trials[out->ntrials] = (struct renewal_trial){
			.app = o->unison->app, .moves = &out->moves[out->ntrials], .nmoves = 1};
		out->ntrials++;
	}
}

int outlooks_find(const struct apps *apps, const struct renewals *renewals, struct outlooks *out,
		  struct err *err)
{
	int r = 0;

	*out = (struct outlooks){.unisons = calloc(apps->count + 1, sizeof *out->unisons)};
	if (!out->unisons)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < apps->count; i++) {
		r = unisons_find(&apps->items[i], renewals, &out->unisons[out->napps++], err);
		for (size_t k = 0; r == 0 && k < out->unisons[i].count; k++)
			r = add_outlook(out, &out->unisons[i].items[k], err);
	}
	return r;
}

int outlooks_prove(struct outlooks *o, struct store *store, struct store *into, struct err *err)
{
	int r = 0;

	o->trials = calloc(OUTLOOKS * o->count + 1, sizeof *o->trials);
	o->moves = calloc(OUTLOOKS * o->count + 1, sizeof *o->moves);
	if (!o->trials || !o->moves)
		return err_nomem(err);
	for (size_t i = 0; i < o->count; i++)
		plan_trials(o, &o->items[i]);
	for (size_t i = 0; r == 0 && i < o->ntrials; i++)
		if (o->moves[i].set)
			r = stock_want(&o->stock, o->moves[i].unison, o->moves[i].set, err);
	if (r == 0)
		r = stock_fill(&o->stock, store, into, err);
	return r < 0 ? r : trials_run(store, &o->stock, o->trials, o->ntrials, err);
}
