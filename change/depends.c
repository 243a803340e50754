#include "change/depends.h"

#include "base/path.h"
#include "change/select.h"
#include "dpkg/apt.h"
#include "dpkg/requirements.h"
#include "host/app_file.h"
#include "intake/intake.h"
#include "policy/supply.h"
#include "store/origin.h"
#include "view/compose.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX 4 /* questions to apt about packages that others provide */
#define SENTENCE_MAX 1024

/* The pins by hand that came from one place. */
struct companion_search {
	struct policy *policy;
	struct store *store;
	const char *path; /* the app's */
	report_fn *report;
	void *ctx;
	struct app app;
	bool whole;		  /* the program comes with them */
	struct origin origin;	  /* of the first of them */
	struct strings roots;	  /* "php7.4-cli:amd64=7.4.33-1", as apt takes them */
	struct controls controls; /* of the place */
	size_t added;
};

static void brought_free(struct companion_search *b)
{
	app_free(&b->app);
	origin_free(&b->origin);
	strings_free(&b->roots);
	controls_free(&b->controls);
}

static void tell_brought(const struct companion_search *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void tell_brought(const struct companion_search *b, const char *fmt, ...)
{
	char text[SENTENCE_MAX];
	va_list args;

	if (!b->report)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	b->report(b->ctx, text);
}

/* -- packages of the place -- */

static struct apt_place place_of(const struct companion_search *b)
{
	return (struct apt_place){b->origin.apt_config, origin_suite(&b->origin)};
}

/* Reads the control fields of these packages and of all that they may need. */
static int ask_apt_about(struct companion_search *b, const struct strings *packages,
			 struct err *err)
{
	const struct apt_place place = place_of(b);
	AUTO_STRINGS struct strings names = {0};
	int r = apt_depends(packages, true, &place, &names, err);

	for (size_t i = 0; r == 0 && i < packages->count; i++)
		r = strings_add(&names, packages->items[i], err);
	return r < 0 ? r : apt_show(&names, &place, &b->controls, err);
}

static int read_place(struct companion_search *b, struct err *err)
{
	return origin_is_apt(&b->origin) ? ask_apt_about(b, &b->roots, err)
					 : intake_controls(b->origin.source, &b->controls, err);
}

static bool is_called(const struct control *c, const char *root)
{
	char name[1024];

	if (strcmp(c->arch, "all") == 0)
		snprintf(name, sizeof name, "%s=%s", c->name, c->version);
	else
		snprintf(name, sizeof name, "%s:%s=%s", c->name, c->arch, c->version);
	return strcmp(name, root) == 0;
}

static int solve(const struct companion_search *b, const struct packages *live,
		 struct requirements *out, struct err *err)
{
	AUTO_FREE const struct control **roots = calloc(b->roots.count + 1, sizeof *roots);
	size_t n = 0;

	*out = (struct requirements){0};
	if (!roots)
		return err_nomem(err);
	for (size_t i = 0; i < b->controls.count; i++)
		for (size_t j = 0; j < b->roots.count && n < b->roots.count; j++)
			if (is_called(&b->controls.items[i], b->roots.items[j]))
				roots[n++] = &b->controls.items[i];
	return requirements_find(&b->controls, roots, n, live, b->whole, out, err);
}

/* Asks apt for packages that were not among the first answers: those that a provider depends on. */
static int solve_with_more(struct companion_search *b, const struct packages *live,
			   struct requirements *out, struct err *err)
{
	AUTO_STRINGS struct strings asked = {0};
	int r = solve(b, live, out, err);

	for (int round = 0; r == 0 && round < ROUNDS_MAX && origin_is_apt(&b->origin); round++) {
		AUTO_STRINGS struct strings more = {0};

		for (size_t i = 0; r == 0 && i < out->unknown.count; i++)
			if (!strings_have(&asked, out->unknown.items[i]))
				r = strings_add_once(&more, out->unknown.items[i], err);
		if (r < 0 || more.count == 0)
			break;
		for (size_t i = 0; r == 0 && i < more.count; i++)
			r = strings_add(&asked, more.items[i], err);
		requirements_free(out);
		if (r == 0 && ask_apt_about(b, &more, err) == -ENOMEM)
			r = -ENOMEM;
		if (r == 0)
			r = solve(b, live, out, err);
	}
	return r;
}

/* -- pins -- */

static const struct pin *pin_named(const struct companion_search *b, const char *name,
				   const char *arch)
{
	for (size_t i = 0; i < b->app.npins; i++)
		if (strcmp(b->app.pins[i].name, name) == 0 &&
		    strcmp(b->app.pins[i].arch, arch) == 0)
			return &b->app.pins[i];
	return NULL;
}

/* Whether a view of the app could show a file of the version. */
static bool is_of_use(const struct companion_search *b, const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++) {
		const char *path = v->entries[i].path;

		if (v->entries[i].type != ENTRY_DIR &&
		    (compose_shows(path) || (b->whole && supply_is_command(path))))
			return true;
	}
	return false;
}

static const struct control *control_of(const struct companion_search *b, const struct version *v)
{
	for (size_t i = 0; i < b->controls.count; i++)
		if (strcmp(b->controls.items[i].name, v->name) == 0 &&
		    strcmp(b->controls.items[i].version, v->version) == 0)
			return &b->controls.items[i];
	return NULL;
}

/* A library that its package provides by soname (libblas.so.3) is chosen by update-alternatives(1), which links
 * it into the directory above its own. No package has this link. */
static void find_alternative(const struct companion_search *b, const struct version *v,
			     char place[PATH_MAX])
{
	const struct control *c = control_of(b, v);
	struct err ignored;

	place[0] = '\0';
	for (size_t i = 0; c && i < v->nentries; i++) {
		struct relation soname = {0};
		char dir[PATH_MAX], above[PATH_MAX];

		if (!v->entries[i].soname)
			continue;
		snprintf(soname.name, sizeof soname.name, "%s", v->entries[i].soname);
		if (!relation_provided(&soname, c->provides))
			continue;
		path_dir(v->entries[i].path, dir);
		path_dir(dir, above);
		if (select_place(above, v, place, &ignored) < 0)
			place[0] = '\0';
		return;
	}
}

static int pin_version(struct companion_search *b, const struct version *v, struct err *err)
{
	const struct pin *old = pin_named(b, v->name, v->arch);
	char place[PATH_MAX];
	int r;

	if (!is_of_use(b, v) || (old && digest_equal(&old->digest, &v->digest)))
		return 0;
	find_alternative(b, v, place);
	r = policy_pin(b->policy, b->path, v, PIN_WITH_DEPS, *place ? place : NULL, err);
	if (r == 0 && old)
		tell_brought(b, "replaced %s=%s with %s", v->name, old->version, v->version);
	b->added += r == 0 && !old;
	return r;
}

/* -- versions -- */

/* 1: the store has it from this place, and it is pinned. */
static int from_stored(struct companion_search *b, const struct versions *stored,
		       const struct control *c, struct err *err)
{
	for (size_t i = 0; i < stored->count; i++) {
		const struct version *v = &stored->items[i];
		AUTO_ORIGIN struct origin origin = {0};
		struct err unknown;
		int r;

		if (strcmp(v->name, c->name) != 0 || strcmp(v->version, c->version) != 0 ||
		    strcmp(v->arch, c->arch) != 0 ||
		    origin_read(b->store, &v->digest, &origin, &unknown) < 0 ||
		    !origin_same_place(&origin, &b->origin))
			continue;
		r = pin_version(b, v, err);
		return r < 0 ? r : 1;
	}
	return 0;
}

static int from_file(struct companion_search *b, const struct control *c, struct err *err)
{
	const struct intake_options how = {0};
	AUTO_VERSION struct version v = {0};
	struct err why;
	bool known;
	int r = intake_add(b->store, c->file, &how, &v, &known, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == 0)
		return pin_version(b, &v, err);
	tell_brought(b, "left out %s, a dependency: %s", c->name, why.text);
	return 0;
}

static int pin_fetched(void *ctx, const struct version *v, const struct err *why, struct err *err)
{
	struct companion_search *b = ctx;

	if (v)
		return pin_version(b, v, err);
	tell_brought(b, "left out a dependency: %s", why->text);
	return 0;
}

static int add_required(struct companion_search *b, const struct requirements *needed,
			struct err *err)
{
	const struct apt_place place = place_of(b);
	AUTO_VERSIONS struct versions stored = {0};
	AUTO_STRINGS struct strings fetch = {0}, unverified = {0};
	int r = store_list(b->store, &stored, err);

	for (size_t i = 0; r == 0 && i < needed->count; i++) {
		const struct control *c = needed->items[i];
		const struct pin *pin = pin_named(b, c->name, c->arch);
		bool all = strcmp(c->arch, "all") == 0;

		if (pin && pin->origin != PIN_WITH_DEPS)
			continue;
		r = from_stored(b, &stored, c, err);
		if (r == 0 && c->file)
			r = from_file(b, c, err);
		else if (r == 0)
			r = strings_addf(&fetch, err, "%s%s%s=%s", c->name, all ? "" : ":",
					 all ? "" : c->arch, c->version);
		if (r > 0)
			r = 0;
	}
	if (r == 0 && fetch.count)
		r = intake_fetch(b->store, &fetch, &place, &unverified, pin_fetched, b, err);
	for (size_t i = 0; r == 0 && i < unverified.count; i++)
		tell_brought(b, "note: %s", unverified.items[i]);
	return r;
}

static int add_brought(struct companion_search *b, struct err *err)
{
	AUTO_REQUIREMENTS struct requirements needed = {0};
	AUTO_PACKAGES struct packages live = {0};
	struct err why;
	int r = read_place(b, &why);

	if (r < 0) {
		tell_brought(b, "the dependencies of %s are not known: %s", b->origin.name,
			     why.text);
		return r == -ENOMEM ? err_nomem(err) : 0;
	}
	r = packages_installed(NULL, 0, &live, err);
	if (r == 0)
		r = solve_with_more(b, &live, &needed, err);
	if (r == 0)
		r = add_required(b, &needed, err);
	for (size_t i = 0; r == 0 && i < needed.lacks.count; i++)
		tell_brought(b, "note: %s, which its origin does not have", needed.lacks.items[i]);
	if (r == 0 && b->added)
		tell_brought(b, "added %zu package%s that %s%s %s on", b->added,
			     b->added == 1 ? "" : "s", b->origin.name,
			     b->roots.count > 1 ? " and others" : "",
			     b->roots.count > 1 ? "depend" : "depends");
	return r;
}

/* -- places -- */

/* The origin of a pin whose dependencies count. False: it has none such. */
static bool origin_of_pin(struct store *store, const struct pin *pin, struct origin *out)
{
	struct err unknown;

	*out = (struct origin){0};
	if (pin->origin != PIN_BY_HAND || origin_read(store, &pin->digest, out, &unknown) < 0)
		return false;
	if (origin_is_apt(out) || (out->source[0] == '/' && path_ends(out->source, ".deb")))
		return true;
	origin_free(out);
	return false;
}

static int add_root(struct companion_search *b, const struct pin *pin, struct err *err)
{
	return strcmp(pin->arch, "all") == 0
		       ? strings_addf(&b->roots, err, "%s=%s", pin->name, pin->version)
		       : strings_addf(&b->roots, err, "%s:%s=%s", pin->name, pin->arch,
				      pin->version);
}

/* Adds the companions of the pins that came from the place of pin number first, and marks these pins as done. */
static int add_place(struct companion_search *b, const struct app *app, size_t first, bool *done,
		     struct err *err)
{
	int r = 0;

	if (done[first] || !origin_of_pin(b->store, &app->pins[first], &b->origin))
		return 0;
	for (size_t i = first; r == 0 && i < app->npins; i++) {
		AUTO_ORIGIN struct origin origin = {0};

		if (!origin_of_pin(b->store, &app->pins[i], &origin) ||
		    !origin_same_place(&origin, &b->origin))
			continue;
		done[i] = true;
		r = add_root(b, &app->pins[i], err);
	}
	return r < 0 ? r : add_brought(b, err);
}

int depends_add(struct policy *policy, struct store *store, const char *app, report_fn *report,
		void *ctx, struct err *err)
{
	AUTO_APP struct app now = {0};
	AUTO_FREE bool *done = NULL;
	int r = policy_app(policy, app, POLICY_NOW, &now, err);

	if (r < 0)
		return r;
	done = calloc(now.npins + 1, sizeof *done);
	if (!done)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < now.npins; i++) {
		CLEANUP(brought_free)
		struct companion_search b = {.policy = policy,
					     .store = store,
					     .path = app,
					     .report = report,
					     .ctx = ctx};

		/* Pins that another place has added count here. */
		r = policy_app(policy, app, POLICY_NOW, &b.app, err);
		b.whole = app_is_supplied(store, &b.app) || access(app, F_OK) < 0;
		if (r == 0)
			r = add_place(&b, &now, i, done, err);
	}
	return r;
}
