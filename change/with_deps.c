#include "change/with_deps.h"

#include "base/path.h"
#include "base/strings.h"
#include "host/wrap.h"
#include "intake/candidates.h"
#include "intake/intake.h"
#include "policy/supply.h"
#include "store/origin.h"
#include "view/supplier.h"
#include "view/verdict.h"
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 64 /* pins that one command adds */
#define FETCHES_MAX 6 /* packages that are searched for one library */
#define SENTENCE_MAX 4096

/* The app with its pins as they are now, and the verdict on its view. */
struct pinned_state {
	struct app app;
	struct versions pinned; /* in the order of app.pins */
	struct verdict verdict;
};

static void pinned_state_free(struct pinned_state *s)
{
	app_free(&s->app);
	versions_free(&s->pinned);
	verdict_free(&s->verdict);
	*s = (struct pinned_state){0};
}
#define AUTO_PINNED_STATE CLEANUP(pinned_state_free)

static int read_state(struct policy *policy, struct store *store, const char *path,
		      struct pinned_state *out, struct err *err)
{
	AUTO_FREE struct view_plan *plan = calloc(1, sizeof *plan);
	AUTO_PINNED_STATE struct pinned_state s = {0};
	char program[PATH_MAX];
	struct sysroot sysroot;
	int r;

	if (!plan)
		return err_nomem(err);
	r = policy_app(policy, path, POLICY_NOW, &s.app, err);
	if (r == 0)
		r = supply_load(store, &s.app, &s.pinned, err);
	if (r == 0)
		r = view_build(store, &s.app, policy_current(policy), plan, err);
	if (r == 0)
		r = wrap_program(path, program, err);
	if (r == 0) {
		sysroot = view_sysroot(&plan->plan, program);
		r = verdict_reach(store, &s.app, &s.pinned, &sysroot, &s.verdict, err);
	}
	view_plan_free(plan);
	if (r < 0)
		return r;
	*out = s;
	s = (struct pinned_state){0};
	return 0;
}

/* -- which library would help -- */

/* The pinned version that brings a library; NULL if it is the live system's. */
static const struct version *pinned_with(const struct pinned_state *s, const char *soname)
{
	for (size_t i = 0; i < s->pinned.count; i++)
		if (version_has_soname(&s->pinned.items[i], soname))
			return &s->pinned.items[i];
	return NULL;
}

/* The library whose other version could help. Of two libraries that do not fit each other it is the
 * live system's, since the other was pinned on purpose. NULL: the program itself does not fit. The
 * loader names an object by the path where it found it; the last component is the soname. */
static const char *wanted_soname(const struct pinned_state *s, const struct missing *m)
{
	const char *by = m->by ? path_base(m->by) : NULL;
	const char *from = m->from ? path_base(m->from) : NULL;

	if (m->kind == MISSING_LIBRARY)
		return strchr(m->what, '/') ? NULL : m->what;
	if (from && !pinned_with(s, from))
		return from;
	if (by && strstr(by, ".so") && !pinned_with(s, by))
		return by;
	return NULL;
}

static bool still_missing(const struct pinned_state *s, const struct missing *m)
{
	for (size_t i = 0; i < s->verdict.proof.nmissing; i++) {
		const struct missing *o = &s->verdict.proof.missing[i];

		if (o->kind == m->kind && strcmp(o->what, m->what) == 0)
			return true;
	}
	return false;
}

/* -- which versions have it -- */

/* Whether two versions came from one place. */
static bool is_from_place(struct store *store, const struct version *a, const struct version *b)
{
	AUTO_ORIGIN struct origin x = {0}, y = {0};
	struct err ignored;

	return origin_read(store, &a->digest, &x, &ignored) == 0 &&
	       origin_read(store, &b->digest, &y, &ignored) == 0 && origin_same_place(&x, &y);
}

/* -- candidates, one by one -- */

struct dep_search {
	struct policy *policy;
	struct store *store;
	const char *path;
	report_fn *report;
	void *ctx;
	struct pinned_state now;
	struct strings in_vain; /* sonames that no candidate could supply */
	struct apt_answers apt;
};

static void report_added(const struct dep_search *s, const struct version *v,
			 const struct missing *m)
{
	char why[SENTENCE_MAX / 2], text[SENTENCE_MAX];

	if (!s->report)
		return;
	proof_describe_missing(m, why, sizeof why);
	snprintf(text, sizeof text, "added %s=%s: %s", v->name, v->version, why);
	s->report(s->ctx, text);
}

/* 1: with this version m is no longer missing, and the version is pinned; 0: it is not. */
static int try_version(struct dep_search *s, const struct version *v, const struct missing *m,
		       struct err *err)
{
	AUTO_PINNED_STATE struct pinned_state then = {0};
	struct err why;
	int r = policy_pin(s->policy, s->path, v, PIN_WITH_DEPS, NULL, err);

	if (r < 0)
		return r;
	r = read_state(s->policy, s->store, s->path, &then, &why);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 || still_missing(&then, m)) {
		r = policy_unpin(s->policy, s->path, &v->digest, err);
		return r < 0 ? r : 0;
	}
	report_added(s, v, m);
	pinned_state_free(&s->now);
	s->now = then;
	then = (struct pinned_state){0};
	return 1;
}

/* The newest first, and before all others the versions from where pin, which misses it, came from. */
static int from_store(struct dep_search *s, const struct version *pin, const char *soname,
		      const struct missing *m, struct err *err)
{
	AUTO_VERSIONS struct versions all = {0};
	int r = store_list(s->store, &all, err);

	for (int pass = 0; r == 0 && pass < 2; pass++)
		for (size_t i = all.count; r == 0 && i-- > 0;) {
			const struct version *v = &all.items[i];

			if (supplier_fits(&s->now.app, v, soname) &&
			    is_from_place(s->store, v, pin) == (pass == 0))
				r = try_version(s, v, m, err);
		}
	return r;
}

static int try_source(struct dep_search *s, const char *source, const char *apt_config,
		      const char *soname, const struct missing *m, struct err *err)
{
	const struct intake_options how = {.soname = soname, .apt_config = apt_config};
	AUTO_VERSION struct version v = {0};
	struct err why;
	bool known;
	int r = intake_add(s->store, source, &how, &v, &known, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 || !supplier_fits(&s->now.app, &v, soname))
		return 0;
	return try_version(s, &v, m, err);
}

static int from_origin(struct dep_search *s, const struct version *pin, const char *soname,
		       const struct missing *m, struct err *err)
{
	AUTO_CANDIDATES struct candidates found = {0};
	AUTO_ORIGIN struct origin origin = {0};
	struct err unknown;
	int r = 0;

	if (origin_read(s->store, &pin->digest, &origin, &unknown) < 0)
		return 0;
	r = candidates_find(&s->apt, &origin, soname, &found, err);
	for (size_t i = 0; r == 0 && i < found.sources.count && i < FETCHES_MAX; i++)
		r = try_source(s, found.sources.items[i], origin.apt_config, soname, m, err);
	return r;
}

/* The pin that misses it: its origin is searched. */
static const struct version *pin_behind(const struct pinned_state *s, const struct missing *m)
{
	const struct version *pin = m->by ? pinned_with(s, path_base(m->by)) : NULL;

	if (!pin && m->from)
		pin = pinned_with(s, path_base(m->from));
	return pin ? pin : &s->pinned.items[0];
}

/* 1: it was supplied; then s->now is new, and what m pointed to is gone. */
static int supply_missing(struct dep_search *s, const struct missing *m, struct err *err)
{
	const char *soname = wanted_soname(&s->now, m);
	int r;

	if (!soname || strings_have(&s->in_vain, soname))
		return 0;
	r = from_store(s, pin_behind(&s->now, m), soname, m, err);
	if (r == 0)
		r = from_origin(s, pin_behind(&s->now, m), soname, m, err);
	return r == 0 ? strings_add_once(&s->in_vain, soname, err) : r;
}

/* 1: something that was missing was supplied. */
static int supply_any(struct dep_search *s, struct err *err)
{
	const struct proof *p = &s->now.verdict.proof;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->nmissing; i++)
		r = supply_missing(s, &p->missing[i], err);
	return r;
}

static void dep_search_free(struct dep_search *s)
{
	pinned_state_free(&s->now);
	strings_free(&s->in_vain);
	apt_answers_free(&s->apt);
}

int with_deps_add(struct policy *policy, struct store *store, const char *app, report_fn *report,
		  void *ctx, struct err *err)
{
	CLEANUP(dep_search_free)
	struct dep_search s = {
		.policy = policy, .store = store, .path = app, .report = report, .ctx = ctx};
	int r = read_state(policy, store, app, &s.now, err);

	if (r < 0 || s.now.pinned.count == 0)
		return r;
	for (int round = 0; r >= 0 && round < ROUNDS_MAX; round++) {
		r = supply_any(&s, err);
		if (r == 0)
			break;
	}
	return r < 0 ? r : 0;
}
