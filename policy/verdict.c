#include "policy/verdict.h"

#include "labeler/program.h"
#include "policy/glibc.h"
#include "policy/supply.h"
#include "policy/wrap.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_MAX 5 /* that are named of one object; the others are counted */

static void sentences_free(struct sentences *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i]);
	free(s->items);
	*s = (struct sentences){0};
}

void verdict_free(struct verdict *verdict)
{
	sentences_free(&verdict->against);
	sentences_free(&verdict->remarks);
	proof_free(&verdict->proof);
}

int sentence_add(struct sentences *s, struct err *err, const char *fmt, ...)
{
	char **items = reallocarray(s->items, s->count + 1, sizeof *items);
	va_list ap;
	int n;

	if (!items)
		return err_nomem(err);
	s->items = items;
	va_start(ap, fmt);
	n = vasprintf(&items[s->count], fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_nomem(err);
	s->count++;
	return 0;
}

struct sight plan_sight(const struct view_plan *plan, const char *program,
			struct cover covers[PLAN_COVERS_MAX])
{
	struct sight sight = {
		.covers = covers,
		.ncovers = plan->plan.ncovers,
		.label = plan->plan.label,
	};

	for (size_t i = 0; i < sight.ncovers; i++)
		covers[i] = (struct cover){plan->plan.covers[i].target, plan->plan.covers[i].layer};
	if (strcmp(program, plan->plan.app) != 0) {
		sight.app = plan->plan.app;
		sight.real = program;
	}
	return sight;
}

/* -- what the loader said -- */

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* A symbol that is missing because the library or version that has it is missing: the reason
 * is named already. */
static bool follows(const struct proof *p, const struct missing *symbol)
{
	const char *version = strstr(symbol->what, ", version ");

	for (size_t i = 0; i < p->nmissing; i++) {
		const struct missing *m = &p->missing[i];

		if (!same(m->by, symbol->by))
			continue;
		if (m->kind == MISSING_LIBRARY)
			return true;
		if (m->kind == MISSING_VERSION && version &&
		    strcmp(version + strlen(", version "), m->what) == 0)
			return true;
	}
	return false;
}

static bool among(const struct proof *p, const struct missing *wanted)
{
	for (size_t i = 0; i < p->nmissing; i++)
		if (p->missing[i].kind == wanted->kind &&
		    strcmp(p->missing[i].what, wanted->what) == 0 &&
		    same(p->missing[i].by, wanted->by))
			return true;
	return false;
}

/* The symbols that one object misses, from number i of the proof on: some by name, then how many
 * more. Returns the number of the next object's. */
static int say_symbols(struct sentences *s, const struct proof *p, const struct proof *live,
		       size_t *at, struct err *err)
{
	const char *by = p->missing[*at].by;
	size_t said = 0, more = 0;
	char text[512];
	int r = 0;

	for (; r == 0 && *at < p->nmissing && p->missing[*at].kind == MISSING_SYMBOL &&
	       (!by || same(p->missing[*at].by, by));
	     ++*at) {
		const struct missing *m = &p->missing[*at];

		if (follows(p, m) || among(live, m))
			continue;
		if (said == SYMBOLS_MAX) {
			more++;
			continue;
		}
		missing_text(m, text, sizeof text);
		said++;
		r = sentence_add(s, err, "%s", text);
	}
	if (r == 0 && more)
		r = sentence_add(s, err, "%s needs %zu more symbols that nothing has",
				 by ? by : "something it loads", more);
	return r;
}

/* What is missing in the view. Symbols that nothing has on the live system either are no fault of
 * the pins: the app has lived without them. */
static int say_missing(struct verdict *v, const struct proof *live, struct store *store,
		       const struct app *app, struct err *err)
{
	const struct proof *p = &v->proof;
	char text[512], hint[512];
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->nmissing;) {
		if (p->missing[i].kind == MISSING_SYMBOL) {
			r = say_symbols(&v->against, p, live, &i, err);
			continue;
		}
		missing_text(&p->missing[i], text, sizeof text);
		supply_hint(store, app, &p->missing[i++], hint, sizeof hint);
		r = sentence_add(&v->against, err, *hint ? "%s (%s)" : "%s", text, hint);
	}
	return r;
}

static bool has_symbols(const struct proof *p)
{
	for (size_t i = 0; i < p->nmissing; i++)
		if (p->missing[i].kind == MISSING_SYMBOL)
			return true;
	return false;
}

static int ask_loader(struct verdict *v, const struct sight *sight, const char *interp,
		      const char *object, struct store *store, const struct app *app,
		      struct err *err)
{
	const struct sight without = {
		.app = sight->app, .real = sight->real, .label = sight->label};
	AUTO_PROOF struct proof live = {0};
	struct err why;
	int r = prove(sight, interp, object, &v->proof, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -ECANCELED || r == -ETIMEDOUT)
		return sentence_add(&v->against, err, "%s: %s", object, why.text);
	if (r < 0)
		return sentence_add(&v->against, err, "it cannot be tried out: %s", why.text);
	if (has_symbols(&v->proof) && prove(&without, interp, object, &live, &why) == -ENOMEM)
		return err_nomem(err);
	return say_missing(v, &live, store, app, err);
}

/* -- the whole -- */

static int check_glibc(struct verdict *v, struct store *store, const struct app *app,
		       const struct program *program, const struct sight *sight, struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	int r = app_versions(store, app, &pinned, err);

	return r < 0 ? r : glibc_check(&pinned, program, sight, &v->against, err);
}

int verdict_reach(struct store *store, const struct app *app, const struct view_plan *plan,
		  struct verdict *out, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	AUTO_VERDICT struct verdict v = {0};
	struct cover covers[PLAN_COVERS_MAX];
	char file[PATH_MAX];
	struct sight sight;
	int r = wrap_program(app->path, file, err);

	if (r == 0)
		r = program_read(file, &program, err);
	if (r < 0)
		return r;
	sight = plan_sight(plan, file, covers);
	if (app->npins && program.elf.interp)
		r = ask_loader(&v, &sight, program.elf.interp,
			       program.kind == PROGRAM_SCRIPT ? program.interpreter : app->path,
			       store, app, err);
	if (r == 0 && app->npins)
		r = check_glibc(&v, store, app, &program, &sight, err);
	if (r < 0)
		return r;
	*out = v;
	v = (struct verdict){0};
	return 0;
}
