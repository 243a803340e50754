#include "view/verdict.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/paths.h"
#include "base/sysroot.h"
#include "elf/isa.h"
#include "elf/readers.h"
#include "host/app_file.h"
#include "host/wrap.h"
#include "late/modules.h"
#include "loader/closure.h"
#include "loader/program.h"
#include "view/effect.h"
#include "view/glibc.h"
#include "view/supplier.h"
#include "view/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRELOAD "/etc/ld.so.preload" /* libraries that the loader loads first into every program */
#define NAMED_SYMBOLS_MAX 5 /* the verdict names so many of one object and counts the others */

void verdict_free(struct verdict *verdict)
{
	strings_free(&verdict->against);
	strings_free(&verdict->remarks);
	strings_free(&verdict->effects);
	proof_free(&verdict->proof);
}

/* -- the proof: what the loader printed -- */

static bool equal_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Whether the symbol is missing only because its library or version is missing, which the verdict
 * names anyway. */
static bool is_consequence(const struct proof *p, const struct missing *symbol)
{
	const char *version = strstr(symbol->what, ", version ");

	for (size_t i = 0; i < p->nmissing; i++) {
		const struct missing *m = &p->missing[i];

		if (!equal_text(m->by, symbol->by))
			continue;
		if (m->kind == MISSING_LIBRARY)
			return true;
		if (m->kind == MISSING_VERSION && version &&
		    strcmp(version + strlen(", version "), m->what) == 0)
			return true;
	}
	return false;
}

static bool has_missing(const struct proof *p, const struct missing *wanted)
{
	for (size_t i = 0; i < p->nmissing; i++)
		if (p->missing[i].kind == wanted->kind &&
		    strcmp(p->missing[i].what, wanted->what) == 0 &&
		    equal_text(p->missing[i].by, wanted->by))
			return true;
	return false;
}

/* Adds the symbols that one object lacks, from number *at of the proof on: some by name, then the
 * number of the others. Moves *at to the next object's. */
static int add_symbols(struct strings *s, const struct proof *p, const struct proof *live,
		       size_t *at, struct err *err)
{
	const char *by = p->missing[*at].by;
	size_t said = 0, more = 0;
	char text[512];
	int r = 0;

	for (; r == 0 && *at < p->nmissing && p->missing[*at].kind == MISSING_SYMBOL &&
	       (!by || equal_text(p->missing[*at].by, by));
	     ++*at) {
		const struct missing *m = &p->missing[*at];

		if (is_consequence(p, m) || has_missing(live, m))
			continue;
		if (said == NAMED_SYMBOLS_MAX) {
			more++;
			continue;
		}
		proof_describe_missing(m, text, sizeof text);
		said++;
		r = strings_addf(s, err, "%s", text);
	}
	if (r == 0 && more)
		r = strings_addf(s, err,
				 "%s needs %zu more symbol%s that no loaded library defines",
				 by ? by : "a loaded library", more, more == 1 ? "" : "s");
	return r;
}

struct verdict_case {
	struct store *store;
	const struct app *app;
	const struct versions *pinned;
	const struct sysroot *sysroot;
	const char *interp; /* the loader */
	const char *object; /* the program that it loads */
	bool brief;	    /* no remarks and effects are asked for */
};

/* Adds the libraries, versions and symbols that the view lacks. Symbols that the live system lacks too do not count against the pins: the
 * app has worked without them. */
static int add_missing(struct verdict *v, const struct proof *live, const struct verdict_case *a,
		       struct err *err)
{
	AUTO_SUPPLIER_SEARCH struct supplier_search *suppliers = NULL;
	const struct proof *p = &v->proof;
	char text[512], hint[512];
	int r = p->nmissing ? supplier_search_new(a->store, a->app, a->pinned, &suppliers, err) : 0;

	for (size_t i = 0; r == 0 && i < p->nmissing;) {
		if (p->missing[i].kind == MISSING_SYMBOL) {
			r = add_symbols(&v->against, p, live, &i, err);
			continue;
		}
		proof_describe_missing(&p->missing[i], text, sizeof text);
		*hint = '\0';
		if (p->missing[i].kind == MISSING_LIBRARY)
			supplier_hint(suppliers, p->missing[i].what, hint, sizeof hint);
		i++;
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

/* The closure without relative directories, which depend on where a user starts the program; the proof
 * runs in its own working directory. */
static int read_closure(const struct verdict_case *a, struct closure *out, struct err *err)
{
	return closure_read(a->object, a->sysroot, NULL, CLOSURE_NO_CWD, out, err);
}

/* The loader model names the missing libraries where glibc's loader crashes while it traces: that of 2.36
 * does so if a library is missing of which the program needs versions. */
static int predict_missing(struct verdict *v, const struct verdict_case *a, struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	struct err why;
	int r = read_closure(a, &c, &why);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	for (size_t i = 0; r == 0 && i < c.count; i++)
		for (size_t k = 0; r == 0 && k < c.objects[i].nneeds; k++) {
			const struct need *n = &c.objects[i].needs[k];

			if (n->object == CLOSURE_NONE && n->kind == ELF_NEEDED)
				r = proof_add_missing(&v->proof, MISSING_LIBRARY, n->name, NULL,
						      c.objects[i].path, err);
		}
	for (size_t i = 0; r == 0 && i < c.ngaps; i++)
		if (c.gaps[i].kind == GAP_MISSING && c.gaps[i].of != CLOSURE_NONE)
			r = proof_add_missing(&v->proof, MISSING_VERSION, c.gaps[i].version,
					      c.objects[c.gaps[i].of].path,
					      c.objects[c.gaps[i].object].path, err);
	return r;
}

/* A loader that does not answer counts against the pins, whatever the reason. */
static int add_crash(struct verdict *v, const struct verdict_case *a, const struct err *why,
		     struct err *err)
{
	const struct proof none = {0};
	int r = predict_missing(v, a, err);

	if (r == 0)
		r = add_missing(v, &none, a, err);
	return r < 0 ? r : strings_addf(&v->against, err, "%s: %s", a->object, why->text);
}

static int run_proof(struct verdict *v, const struct verdict_case *a, struct err *err)
{
	/* Without covers the program is at the app's path. */
	const bool app = a->sysroot->app && strcmp(a->object, a->sysroot->app) == 0;
	struct sysroot without = {.app = a->sysroot->app ? a->app->path : NULL,
				  .real = a->sysroot->real,
				  .label = a->sysroot->label};
	AUTO_PROOF struct proof live = {0};
	char original[PATH_MAX];
	struct err why;
	int r = proof_run(a->sysroot, a->interp, a->object, &v->proof, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -ECANCELED || r == -ETIMEDOUT)
		return add_crash(v, a, &why, err);
	if (r < 0)
		return strings_addf(&v->against, err, "%s cannot be tested: %s%s",
				    a->sysroot->objects ? "the sealed program" : "the view",
				    why.text,
				    r == -EPERM && geteuid() == 0 && !a->sysroot->objects
					    ? "; a sealed program needs no view (--sealed)"
					    : "");
	if (a->sysroot->objects && wrap_program(a->app->path, original, &why) == 0) {
		without.app = a->app->path;
		without.real = original;
	}
	if (has_symbols(&v->proof) &&
	    proof_run(&without, a->interp, app ? a->app->path : a->object, &live, &why) == -ENOMEM)
		return err_nomem(err);
	return add_missing(v, &live, a, err);
}

/* -- the closure: what the loader model predicts -- */

static bool has_loaded(const struct proof *p, const char *path)
{
	for (size_t i = 0; i < p->nloaded; i++)
		if (strcmp(p->loaded[i].path, path) == 0)
			return true;
	return false;
}

static bool has_object(const struct closure *c, const char *path)
{
	for (size_t i = 1; i < c->count; i++)
		if (strcmp(c->objects[i].path, path) == 0)
			return true;
	return false;
}

static bool is_pinned(const struct versions *pinned, const char *soname)
{
	for (size_t i = 0; i < pinned->count; i++)
		if (version_has_soname(&pinned->items[i], soname))
			return true;
	return false;
}

/* Whether path is a live library with the soname of a pinned one. */
static bool is_live_copy(const struct verdict_case *a, const char *path, char soname[256])
{
	AUTO_ELF struct elf elf = {0};
	struct resolved at;
	struct err ignored;
	bool is_elf;

	if (sysroot_resolve(a->sysroot, path, &at) < 0 || at.layer ||
	    readers_read_path(at.file, &elf, &is_elf, &ignored) < 0 || !is_elf)
		return false;
	snprintf(soname, 256, "%s", elf.soname ? elf.soname : "");
	return elf.soname && is_pinned(a->pinned, elf.soname);
}

static bool has_preload(void)
{
	struct stat st;

	return stat(PRELOAD, &st) == 0 && st.st_size > 0;
}

static int add_live_copy(struct verdict *v, const struct closure *c, const char *soname,
			 const char *path, struct err *err)
{
	const char *audit = c->audit ? c->audit : c->depaudit;

	if (has_preload() || !audit)
		return strings_addf(&v->against, err,
				    "%s is pinned, but the loader would load %s%s", soname, path,
				    has_preload() ? ", because of " PRELOAD : "");
	return strings_addf(&v->against, err,
			    "%s is pinned, but the loader would load %s, because of the auditing "
			    "libraries %s",
			    soname, path, audit);
}

/* -- features of the loader that the model leaves out -- */

static bool others_can_read(const char *path)
{
	char part[PATH_MAX];
	struct stat st;

	for (const char *p = path; (p = strchr(p + 1, '/'));) {
		snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
		if (stat(part, &st) == 0 && !(st.st_mode & S_IXOTH))
			return false;
	}
	return stat(path, &st) < 0 || st.st_mode & S_IROTH;
}

static const struct object *find_unreadable(const struct closure *c)
{
	for (size_t i = 1; i < c->count; i++)
		if (!others_can_read(c->objects[i].path) || !others_can_read(c->objects[i].file))
			return &c->objects[i];
	return NULL;
}

static const char *find_relative(const struct proof *p)
{
	for (size_t i = 0; i < p->nloaded; i++)
		if (p->loaded[i].path[0] != '/')
			return p->loaded[i].path;
	return NULL;
}

/* Names the feature because of which the loader may choose other files than the model predicts;
 * false if there is none. */
static bool explain_difference(const struct closure *c, const struct proof *p, char *text,
			       size_t size)
{
	const struct object *unreadable = find_unreadable(c);
	const char *relative = find_relative(p);

	if (c->audit || c->depaudit)
		snprintf(text, size, "auditing libraries (%s) can choose other files",
			 c->audit ? c->audit : c->depaudit);
	else if (c->kind == LOADER_OTHER)
		snprintf(text, size, "pinlib does not know the rules of the loader %s",
			 c->loader->path);
	else if (relative)
		snprintf(text, size, "%s is in a relative directory of a search path", relative);
	else if (unreadable)
		snprintf(text, size, "the test runs as an ordinary user, who cannot read %s",
			 unreadable->path);
	else if (getenv("GLIBC_TUNABLES"))
		snprintf(text, size, "GLIBC_TUNABLES is set for pinlib, but not for the test");
	else
		return false;
	return true;
}

/* The loader decides. Where it does not do what the model predicts, a feature that the model leaves
 * out is the cause, or else a bug. Remarks about preloaded libraries would be of no use: the model
 * does not predict these, nor what the loader then no longer searches for. */
static int compare_with_proof(struct verdict *v, const struct verdict_case *a,
			      const struct closure *c, struct err *err)
{
	const struct proof *p = &v->proof;
	const bool preloaded = has_preload();
	char soname[256], why[512];
	int r = 0;

	if (!explain_difference(c, p, why, sizeof why))
		snprintf(why, sizeof why,
			 "the result is valid, but this is a bug in pinlib: please report it");
	for (size_t i = 0; r == 0 && i < p->nloaded; i++) {
		const char *path = p->loaded[i].path;

		if (has_object(c, path))
			continue;
		if (is_live_copy(a, path, soname))
			r = add_live_copy(v, c, soname, path, err);
		else if (!preloaded)
			r = strings_addf(&v->remarks, err,
					 "the loader loads %s, which pinlib did not predict (%s)",
					 path, why);
	}
	for (size_t i = 1; r == 0 && !preloaded && i < c->count; i++)
		if (!has_loaded(p, c->objects[i].path))
			r = strings_addf(&v->remarks, err,
					 "the loader does not load %s, which pinlib predicted (%s)",
					 c->objects[i].path, why);
	return r;
}

/* A sealed program names its libraries itself, and their order with them. */
static int check_order(struct verdict *v, const struct closure *c, struct err *err)
{
	const struct proof *p = &v->proof;
	size_t at = 0;

	for (size_t i = 1; i < c->count; i++) {
		size_t k = 0;

		while (k < p->nloaded && strcmp(p->loaded[k].path, c->objects[i].path) != 0)
			k++;
		if (k == p->nloaded || !c->objects[i].wanted)
			continue;
		if (k < at)
			return strings_addf(&v->against, err,
					    "the loader loads %s in another order than pinlib "
					    "predicted",
					    c->objects[i].path);
		at = k;
	}
	return 0;
}

/* Levels of x86-64 that a file needs and the processor lacks: the loader checks them only when it
 * starts a program. */
static int check_isa(struct verdict *v, const struct closure *c, struct err *err)
{
	char present[ISA_NAME];
	int r = 0;

	isa_name(isa_present(), present);
	for (size_t i = 0; r == 0 && i < c->ngaps; i++)
		if (c->gaps[i].kind == GAP_ISA)
			r = strings_addf(
				&v->against, err,
				"%s needs %s, and this CPU has %s: the program would not start",
				c->objects[c->gaps[i].object].path, c->gaps[i].version, present);
	return r;
}

static int note_audit(struct verdict *v, const char *object, const char *names, const char *tag,
		      struct err *err)
{
	return names ? strings_addf(&v->remarks, err,
				    "%s loads the auditing libraries %s (%s), which can send the "
				    "loader to "
				    "other files than the pinned ones",
				    object, names, tag)
		     : 0;
}

/* Live copies of a pinned library that came, since the view was built, to directories that the loader
 * searches first. */
static int check_places(struct verdict *v, const struct versions *pinned, const struct closure *c,
			struct err *err)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < c->count; i++) {
		const struct object *o = &c->objects[i];
		const char *soname = o->elf ? o->elf->soname : NULL;

		if (soname && !o->layer && is_pinned(pinned, soname))
			r = strings_addf(&v->against, err,
					 "%s is pinned, but the loader would load the live "
					 "system's %s: set the pins again",
					 soname, o->path);
	}
	return r;
}

static int check_closure(struct verdict *v, const struct verdict_case *a, struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	AUTO_STRINGS struct strings later = {0};
	struct err why;
	int r = read_closure(a, &c, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return strings_addf(&v->remarks, err,
				    "pinlib cannot predict what the program loads: %s", why.text);
	r = check_places(v, a->pinned, &c, err);
	if (r == 0)
		r = check_isa(v, &c, err);
	if (r == 0)
		r = note_audit(v, a->object, c.audit, "DT_AUDIT", err);
	if (r == 0)
		r = note_audit(v, a->object, c.depaudit, "DT_DEPAUDIT", err);
	if (r == 0 && v->proof.nloaded)
		r = compare_with_proof(v, a, &c, err);
	if (r == 0 && v->proof.nloaded && a->sysroot->objects && !has_preload())
		r = check_order(v, &c, err);
	if (r < 0 || a->brief)
		return r;
	if (v->against.count == 0)
		r = modules_check(&c, &later, &v->remarks, err);
	if (r == 0 && v->against.count == 0)
		r = effect_check(a->app, a->pinned, a->sysroot, &c, &later, &v->effects,
				 &v->against, err);
	return r;
}

/* -- the whole -- */

static int check_view(struct verdict *v, const struct verdict_case *a,
		      const struct program *program, struct err *err)
{
	int r = run_proof(v, a, err);

	if (r == 0)
		r = glibc_check(a->pinned, program, a->sysroot, &v->against, err);
	if (r == 0)
		r = check_closure(v, a, err);
	return r;
}

static int reach(const struct verdict_case *of, struct verdict *out, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	AUTO_VERDICT struct verdict v = {0};
	struct verdict_case a = *of;
	struct supply_way way = {.pinned = a.pinned};
	int r = app_program_read(a.sysroot->real ? a.sysroot->real : a.app->path, &way, &program,
				 err);

	if (r < 0)
		return r;
	a.interp = program.elf.interp;
	a.object = program.kind == PROGRAM_SCRIPT ? program.interpreter
		   : a.sysroot->app		  ? a.sysroot->app
						  : a.app->path;
	if (a.app->npins && a.interp)
		r = check_view(&v, &a, &program, err);
	if (r < 0)
		return r;
	*out = v;
	v = (struct verdict){0};
	return 0;
}

int verdict_reach(struct store *store, const struct app *app, const struct versions *pinned,
		  const struct sysroot *sysroot, struct verdict *out, struct err *err)
{
	return reach(&(struct verdict_case){store, app, pinned, sysroot, NULL, NULL, false}, out,
		     err);
}

/* An upgrade whose program does not work with the pins: the file that was sealed before goes on. */
static int note_source(struct verdict *v, const struct plan *plan, const char *program,
		       struct err *err)
{
	const char *source = plan_is_supplied(plan) ? plan->program : program;
	AUTO_FD int fd = open(source, O_RDONLY | O_CLOEXEC);
	struct digest found;
	struct err ignored;

	if (fd < 0 || digest_fd(fd, &found, &ignored) < 0 ||
	    memcmp(found.bytes, plan->seal->source, sizeof found.bytes) == 0)
		return 0;
	return strings_addf(&v->remarks, err,
			    "its original, %s, was replaced, and the sealed file is of the one "
			    "before: 'pinlib refresh' seals it anew, or says why it cannot",
			    source);
}

int verdict_reach_current(struct store *store, const struct app *app, bool brief,
			  struct verdict *out, struct err *err)
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
		r = supply_load(store, app, &pinned, err);
	if (r < 0)
		return r;
	sysroot = view_sysroot(&file->plan, program);
	r = reach(&(struct verdict_case){store, app, &pinned, &sysroot, NULL, NULL, brief}, out,
		  err);
	return r == 0 && file->plan.seal && !brief ? note_source(out, &file->plan, program, err)
						   : r;
}
