#include "renewal/trial.h"

#include "base/cleanup.h"
#include "base/progress.h"
#include "base/sysroot.h"
#include "change/crew.h"
#include "ephemeral/ephemeral.h"
#include "host/wrap.h"
#include "loader/program.h"
#include "proof/proof.h"
#include "view/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void trial_free(struct renewal_trial *trial)
{
	free(trial->why);
	trial->why = NULL;
}

const char *trial_result_text(enum trial_result result)
{
	return result == TRIAL_HOLDS ? "ok" : result == TRIAL_FAILS ? "fails" : "not tried";
}

/* -- in a child of the crew -- */

struct trial_work {
	struct store *store;
	const struct stock *stock;
	struct renewal_trial **trials;
	size_t count;
};

/* The app without some pins, whose strings are the app's. */
static int leave_pins(const struct renewal_trial *t, struct app *out, struct err *err)
{
	*out = *t->app;
	out->pins = calloc(t->app->npins + 1, sizeof *out->pins);
	out->npins = 0;
	if (!out->pins)
		return err_nomem(err);
	for (size_t i = 0; i < t->app->npins; i++) {
		bool left = false;

		for (size_t k = 0; k < t->nmoves; k++)
			for (size_t m = 0; !t->moves[k].set && m < t->moves[k].unison->count; m++)
				left |= t->moves[k].unison->pins[m] == &t->app->pins[i];
		if (!left)
			out->pins[out->npins++] = t->app->pins[i];
	}
	return 0;
}

static int list_items(const struct trial_work *w, const struct renewal_trial *t,
		      struct ephemeral_item **out, size_t *n, struct err *err)
{
	*out = calloc(t->app->npins + 1, sizeof **out);
	*n = 0;
	if (!*out)
		return err_nomem(err);
	for (size_t k = 0; k < t->nmoves; k++)
		for (size_t i = 0; t->moves[k].set && i < t->moves[k].unison->count; i++) {
			const struct stocked *s =
				stock_get(w->stock, t->moves[k].unison, t->moves[k].set, i);

			if (s)
				(*out)[(*n)++] = (struct ephemeral_item){
					.version = s->version,
					.file = -1,
					.store = s->store,
					.place = t->moves[k].unison->pins[i]->place};
		}
	return 0;
}

static int judge_view(const struct trial_work *w, const struct app *app,
		      const struct ephemeral_item *items, size_t n, struct verdict *out,
		      struct err *err)
{
	AUTO_EPHEMERAL struct ephemeral e = {0};
	struct sysroot sysroot;
	struct err ignored;
	int r = ephemeral_compile(w->store, app, items, n, 0, &e, err);

	if (r == 0)
		r = ephemeral_begin(w->store, items, n, &e, err);
	if (r < 0)
		return r;
	sysroot = view_sysroot(&e.plan.plan, e.program);
	r = verdict_reach(w->store, &e.app, &e.pinned, &sysroot, out, err);
	ephemeral_end(&ignored);
	return r;
}

/* An app without pins has no view. Symbols that the live system lacks do not matter, as in a view. */
static int judge_live(const struct app *app, struct verdict *out, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	char original[PATH_MAX], text[512];
	struct sysroot sysroot = {.app = app->path, .real = original};
	int r = wrap_program(app->path, original, err);

	if (r == 0 && access(original, X_OK) < 0)
		return strings_add(&out->against, "the live system has no such program", err);
	if (r == 0)
		r = program_read(original, &program, err);
	if (r < 0 || !program.elf.interp)
		return r;
	r = proof_run(&sysroot, program.elf.interp,
		      program.kind == PROGRAM_SCRIPT ? program.interpreter : app->path, &out->proof,
		      err);
	for (size_t i = 0; r == 0 && i < out->proof.nmissing; i++) {
		if (out->proof.missing[i].kind == MISSING_SYMBOL)
			continue;
		proof_describe_missing(&out->proof.missing[i], text, sizeof text);
		r = strings_add(&out->against, text, err);
	}
	return r;
}

/* The answer is a letter and a sentence. */
static void work_on_trial(void *ctx, size_t number, FILE *answer)
{
	const struct trial_work *w = ctx;
	const struct renewal_trial *t = w->trials[number];
	AUTO_FREE struct ephemeral_item *items = NULL;
	AUTO_FREE struct pin *pins = NULL;
	AUTO_VERDICT struct verdict v = {0};
	struct app app = {0};
	struct err err;
	size_t n = 0;
	int r = leave_pins(t, &app, &err);

	pins = app.pins;
	if (r == 0)
		r = list_items(w, t, &items, &n, &err);
	if (r == 0)
		r = app.npins ? judge_view(w, &app, items, n, &v, &err)
			      : judge_live(&app, &v, &err);
	if (r < 0)
		fprintf(answer, "n%s", err.text);
	else if (v.against.count)
		fprintf(answer, "%c%s", proof_lacks_library(&v.proof) ? 'l' : 'f',
			v.against.items[0]);
	else
		fputc('o', answer);
}

/* -- in the caller -- */

static void take_trial_answer(void *ctx, size_t number, const char *text, size_t len)
{
	const struct trial_work *w = ctx;
	struct renewal_trial *t = w->trials[number];

	progress_step(1);
	if (!text || len == 0) {
		t->why = strdup("the process that tested the view was killed");
		return;
	}
	t->result = *text == 'o' ? TRIAL_HOLDS : *text == 'n' ? TRIAL_NONE : TRIAL_FAILS;
	t->lacks_library = *text == 'l';
	if (t->result != TRIAL_HOLDS)
		t->why = strdup(text + 1);
}

/* The reason why a version is missing; NULL: all are there. */
static const char *find_absent(const struct stock *stock, const struct renewal_trial *t)
{
	for (size_t k = 0; k < t->nmoves; k++)
		for (size_t i = 0; t->moves[k].set && i < t->moves[k].unison->count; i++) {
			const struct stocked *s =
				stock_get(stock, t->moves[k].unison, t->moves[k].set, i);

			if (s && !s->store)
				return s->why ? s->why : "it is not there";
		}
	return NULL;
}

int trials_run(struct store *store, const struct stock *stock, struct renewal_trial *trials,
	       size_t n, struct err *err)
{
	AUTO_FREE struct renewal_trial **list = calloc(n + 1, sizeof(struct renewal_trial *));
	struct trial_work w = {.store = store, .stock = stock, .trials = list};
	int r = 0;

	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const char *absent = find_absent(stock, &trials[i]);

		if (absent)
			trials[i].why = strdup(absent);
		else
			list[w.count++] = &trials[i];
	}
	progress_begin("testing views", PROGRESS_ITEMS, w.count);
	if (w.count)
		r = crew_run(w.count, 0, work_on_trial, take_trial_answer, &w, err);
	progress_end();
	return r;
}
