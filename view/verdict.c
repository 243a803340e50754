#include "view/verdict.h"

#include "base/paths.h"
#include "base/sysroot.h"
#include "change/with_deps.h"
#include "elf/readers.h"
#include "host/wrap.h"
#include "loader/closure.h"
#include "loader/program.h"
#include "loader/scan.h"
#include "view/dlopen.h"
#include "view/glibc.h"
#include "view/view.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PRELOAD "/etc/ld.so.preload" /* what the loader loads into every program, before all else */
#define SYMBOLS_MAX 5		     /* that are named of one object; the others are counted */

void verdict_free(struct verdict *verdict)
{
	strings_free(&verdict->against);
	strings_free(&verdict->remarks);
	proof_free(&verdict->proof);
}

struct sysroot view_sysroot(const struct plan *plan, const char *program)
{
	struct sysroot sysroot = {
		.covers = plan->covers, .ncovers = plan->ncovers, .label = plan->label};

	if (strcmp(program, plan->app) != 0) {
		sysroot.app = plan->app;
		sysroot.real = program;
	}
	return sysroot;
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
static int say_symbols(struct strings *s, const struct proof *p, const struct proof *live,
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
		r = strings_addf(s, err, "%s", text);
	}
	if (r == 0 && more)
		r = strings_addf(s, err, "%s needs %zu more symbols that nothing has",
				 by ? by : "something it loads", more);
	return r;
}

/* Whom the questions are about. */
struct asked {
	struct store *store;
	const struct app *app;
	const struct versions *pinned;
	const struct sysroot *sysroot;
	const char *interp, *object; /* the loader, and what it is to load */
};

/* What is missing in the view. Symbols that nothing has on the live system either are no fault of
 * the pins: the app has lived without them. */
static int say_missing(struct verdict *v, const struct proof *live, const struct asked *a,
		       struct err *err)
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
		with_deps_hint(a->store, a->app, a->pinned, &p->missing[i++], hint, sizeof hint);
		r = strings_addf(&v->against, err, *hint ? "%s (%s)" : "%s", text, hint);
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

/* What is the same wherever the program is started: the proof has its own working directory. */
static int closure_anywhere(const struct asked *a, struct closure *out, struct err *err)
{
	AUTO_SCAN struct scan *scan = NULL;
	int r = scan_new(a->sysroot, &scan, err);

	if (r == 0)
		r = closure_of(scan, a->object, NULL, CLOSURE_NO_CWD, out, err);
	if (r < 0)
		return r;
	out->own = scan;
	scan = NULL;
	return 0;
}

/* glibc's loader can crash while it traces: at a library that is missing and of which versions are
 * asked, for one (2.36). Then what is foreseen has to name it. */
static int foresee_missing(struct verdict *v, const struct asked *a, struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	struct err why;
	int r = closure_anywhere(a, &c, &why);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	for (size_t i = 0; r == 0 && i < c.count; i++)
		for (size_t k = 0; r == 0 && k < c.objects[i].nneeds; k++) {
			const struct need *n = &c.objects[i].needs[k];

			if (n->object == CLOSURE_NONE && n->kind == ELF_NEEDED)
				r = proof_miss(&v->proof, MISSING_LIBRARY, n->name, NULL,
					       c.objects[i].path, err);
		}
	for (size_t i = 0; r == 0 && i < c.ngaps; i++)
		if (c.gaps[i].kind == GAP_MISSING && c.gaps[i].of != CLOSURE_NONE)
			r = proof_miss(&v->proof, MISSING_VERSION, c.gaps[i].version,
				       c.objects[c.gaps[i].of].path,
				       c.objects[c.gaps[i].object].path, err);
	return r;
}

/* A loader that does not answer is a no, whatever its reasons are. */
static int say_crashed(struct verdict *v, const struct asked *a, const struct err *why,
		       struct err *err)
{
	const struct proof none = {0};
	int r = foresee_missing(v, a, err);

	if (r == 0)
		r = say_missing(v, &none, a, err);
	return r < 0 ? r : strings_addf(&v->against, err, "%s: %s", a->object, why->text);
}

static int ask_loader(struct verdict *v, const struct asked *a, struct err *err)
{
	const struct sysroot without = {
		.app = a->sysroot->app, .real = a->sysroot->real, .label = a->sysroot->label};
	AUTO_PROOF struct proof live = {0};
	struct err why;
	int r = proof_run(a->sysroot, a->interp, a->object, &v->proof, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -ECANCELED || r == -ETIMEDOUT)
		return say_crashed(v, a, &why, err);
	if (r < 0)
		return strings_addf(&v->against, err, "it cannot be tried out: %s", why.text);
	if (has_symbols(&v->proof) &&
	    proof_run(&without, a->interp, a->object, &live, &why) == -ENOMEM)
		return err_nomem(err);
	return say_missing(v, &live, a, err);
}

/* -- what the labeler foresees -- */

static bool loaded_from(const struct proof *p, const char *path)
{
	for (size_t i = 0; i < p->nloaded; i++)
		if (strcmp(p->loaded[i].path, path) == 0)
			return true;
	return false;
}

static bool foreseen(const struct closure *c, const char *path)
{
	for (size_t i = 1; i < c->count; i++)
		if (strcmp(c->objects[i].path, path) == 0)
			return true;
	return false;
}

static bool is_pinned(const struct versions *pinned, const char *soname)
{
	for (size_t i = 0; i < pinned->count; i++)
		for (size_t k = 0; k < pinned->items[i].nentries; k++)
			if (same(pinned->items[i].entries[k].soname, soname))
				return true;
	return false;
}

/* A live object that the loader takes, unforeseen, in the place of a pinned one. */
static bool is_instead(const struct asked *a, const char *path, char soname[256])
{
	AUTO_ELF struct elf elf = {0};
	struct resolved at;
	struct err ignored;
	bool is_elf;

	if (sysroot_resolve(a->sysroot, path, &at) < 0 || at.layer ||
	    read_elf_path(at.file, &elf, &is_elf, &ignored) < 0 || !is_elf)
		return false;
	snprintf(soname, 256, "%s", elf.soname ? elf.soname : "");
	return is_pinned(a->pinned, elf.soname);
}

static bool preloads(void)
{
	struct stat st;

	return stat(PRELOAD, &st) == 0 && st.st_size > 0;
}

static int say_instead(struct verdict *v, const char *soname, const char *path, struct err *err)
{
	return strings_addf(&v->against, err, "%s is pinned, but the loader would take %s%s",
			    soname, path, preloads() ? ", because of " PRELOAD : "");
}

/* The loader decides; but if it does not do what was foreseen, something here does not know it.
 * What is preloaded, and with it what the loader does not look for any more, is not foreseen. */
static int compare(struct verdict *v, const struct asked *a, const struct closure *c,
		   struct err *err)
{
	static const char please[] = "this does not change the outcome, but is a bug of pinlib: "
				     "please report it";
	const struct proof *p = &v->proof;
	const bool known = preloads();
	char soname[256];
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->nloaded; i++) {
		const char *path = p->loaded[i].path;

		if (foreseen(c, path))
			continue;
		if (is_instead(a, path, soname))
			r = say_instead(v, soname, path, err);
		else if (!known)
			r = strings_addf(&v->remarks, err,
					 "the loader takes %s, which was not foreseen (%s)", path,
					 please);
	}
	for (size_t i = 1; r == 0 && !known && i < c->count; i++)
		if (!loaded_from(p, c->objects[i].path))
			r = strings_addf(&v->remarks, err,
					 "the loader does not take %s, which was foreseen (%s)",
					 c->objects[i].path, please);
	return r;
}

/* A pinned library that the app gets from elsewhere all the same: since the view was built a copy
 * came to a place where the loader looks first. */
static int check_places(struct verdict *v, const struct versions *pinned, const struct closure *c,
			struct err *err)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < c->count; i++) {
		const struct object *o = &c->objects[i];
		const char *soname = o->elf ? o->elf->soname : NULL;

		if (soname && !o->layer && is_pinned(pinned, soname))
			r = strings_addf(&v->against, err,
					 "%s is pinned, but the loader would take the live "
					 "system's %s: set the pins again",
					 soname, o->path);
	}
	return r;
}

static int foresee(struct verdict *v, const struct asked *a, struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	struct err why;
	int r = closure_anywhere(a, &c, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return strings_addf(&v->remarks, err, "what it loads cannot be foreseen: %s",
				    why.text);
	r = check_places(v, a->pinned, &c, err);
	if (r == 0 && v->proof.nloaded)
		r = compare(v, a, &c, err);
	if (r == 0 && v->against.count == 0)
		r = dlopen_check(&c, &v->remarks, err);
	return r;
}

/* -- the whole -- */

static int examine(struct verdict *v, const struct asked *a, const struct program *program,
		   struct err *err)
{
	int r = ask_loader(v, a, err);

	if (r == 0)
		r = glibc_check(a->pinned, program, a->sysroot, &v->against, err);
	if (r == 0)
		r = foresee(v, a, err);
	return r;
}

int verdict_reach(struct store *store, const struct app *app, const struct versions *pinned,
		  const struct sysroot *sysroot, struct verdict *out, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	AUTO_VERDICT struct verdict v = {0};
	struct asked asked = {.store = store, .app = app, .pinned = pinned, .sysroot = sysroot};
	int r = program_read(sysroot->real ? sysroot->real : app->path, &program, err);

	if (r < 0)
		return r;
	asked.interp = program.elf.interp;
	asked.object = program.kind == PROGRAM_SCRIPT ? program.interpreter : app->path;
	if (app->npins && asked.interp)
		r = examine(&v, &asked, &program, err);
	if (r < 0)
		return r;
	*out = v;
	v = (struct verdict){0};
	return 0;
}

int verdict_in_force(struct store *store, const struct app *app, struct verdict *out,
		     struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	AUTO_VERSIONS struct versions pinned = {0};
	char program[PATH_MAX];
	struct sysroot sysroot;
	int r;

	if (!file)
		return err_nomem(err);
	r = plan_load(PINLIB_PLANS, app->path, 0, file, err);
	if (r == 0)
		r = wrap_program(app->path, program, err);
	if (r == 0)
		r = view_load_versions(store, app, &pinned, err);
	if (r < 0)
		return r;
	sysroot = view_sysroot(&file->plan, program);
	return verdict_reach(store, app, &pinned, &sysroot, out, err);
}
