#include "change/apply.h"

#include "base/path.h"
#include "base/reach.h"
#include "change/depends.h"
#include "change/select.h"
#include "change/with_deps.h"
#include "host/app_file.h"
#include "host/wrap.h"
#include "intake/intake.h"
#include "loader/program.h"
#include "policy/caution.h"
#include "policy/profile.h"

#include <limits.h>
#include <string.h>

struct apply_run {
	struct policy *policy;
	struct store *store;
	const struct apply_options *options;
	struct strings described; /* canonical */
	struct strings pinned;	  /* those whose pins change */
	struct strings sealed;	  /* of these, those with a 'sealed' line */
	struct strings forced;	  /* of these, those with a 'force' line */
	struct dpkg_says says;
	struct strings *changed, *activate;
};

/* The state that a description wants for one app. */
struct wanted_app {
	const struct described *as;
	char path[PATH_MAX]; /* canonical */
	struct versions pins;
	struct strings places; /* of each pin: its further directory, canonical, or "" */
	struct confinement confined;
	bool unknown; /* in a dry run: the version of a pin would have to be added first */
};

static void wanted_app_free(struct wanted_app *w)
{
	versions_free(&w->pins);
	strings_free(&w->places);
	confinement_free(&w->confined);
}
#define AUTO_WANTED_APP CLEANUP(wanted_app_free)

/* -- which versions -- */

static int add_sources(struct apply_run *a, const struct described *as, struct err *err)
{
	for (size_t i = 0; i < as->sources.count; i++) {
		AUTO_STRINGS struct strings unverified = {0};
		const struct intake_options options = {.unverified = &unverified};
		AUTO_VERSION struct version v = {0};
		char text[2 * PATH_MAX];
		bool known;
		int r;

		if (a->options->dry_run) {
			snprintf(text, sizeof text, "would add %s", as->sources.items[i]);
			a->options->report(a->options->ctx, text);
			continue;
		}
		r = intake_add(a->store, as->sources.items[i], &options, &v, &known, err);
		if (r < 0)
			return r;
		snprintf(text, sizeof text, "added %s %s (%s)", v.name, v.version, v.arch);
		if (!known)
			a->options->report(a->options->ctx, text);
		for (size_t k = 0; k < unverified.count; k++) {
			snprintf(text, sizeof text, "note: %s", unverified.items[k]);
			a->options->report(a->options->ctx, text);
		}
	}
	return 0;
}

static int choose_pins(struct apply_run *a, struct wanted_app *w, const char *arch, struct err *err)
{
	const struct described *as = w->as;

	versions_free(&w->pins);
	strings_free(&w->places);
	w->pins.items = calloc(as->npins + 1, sizeof *w->pins.items);
	if (!w->pins.items)
		return err_nomem(err);
	for (size_t i = 0; i < as->npins; i++) {
		int r = select_version(a->store, &as->pins[i], w->path, arch, &w->pins.items[i],
				       err);
		char place[PATH_MAX];

		if (r < 0)
			return r;
		w->pins.count++;
		r = select_place(as->places.items[i], &w->pins.items[i], place, err);
		if (r == 0)
			r = strings_add(&w->places, place, err);
		if (r < 0)
			return r == -ENOENT ? -ENOTDIR : r; /* no source would help */
	}
	return 0;
}

/* No two pins may be versions of one library. */
static int refuse_double_pins(const struct wanted_app *w, struct err *err)
{
	for (size_t i = 0; i < w->pins.count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct version *x = &w->pins.items[i], *y = &w->pins.items[k];

			if (strcmp(x->name, y->name) == 0 && strcmp(x->arch, y->arch) == 0)
				return err_set(err, EINVAL,
					       "two pins are versions of %s (%s): %s and %s",
					       x->name, x->arch, y->version, x->version);
		}
	return 0;
}

static int find_versions(struct apply_run *a, struct wanted_app *w, const struct app *now,
			 struct err *err)
{
	const char *arch = w->as->program ? NULL : "";
	const struct app self = {
		.path = w->path, .program = now->program, .pins = now->pins, .npins = now->npins};
	int r = w->as->npins && arch ? select_arch(a->store, &self, &arch, err) : 0;

	if (r == 0)
		r = choose_pins(a, w, arch, err);
	if (r == -ENOENT && w->as->sources.count) {
		r = add_sources(a, w->as, err);
		w->unknown = a->options->dry_run;
		if (r == 0 && !w->unknown)
			r = choose_pins(a, w, arch, err);
	}
	return r < 0 ? r : refuse_double_pins(w, err);
}

static int find_state(struct apply_run *a, struct wanted_app *w, const struct app *now,
		      struct err *err)
{
	bool supplied = w->as->program || app_is_supplied(a->store, now);
	int r = wrap_allowed(w->path, supplied, &a->says, err);

	if (r == 0 && w->as->profile)
		r = profile_compile(profile_dirs, w->as->profile, &w->confined, err);
	return r < 0 ? r : find_versions(a, w, now, err);
}

/* -- what differs -- */

/* Whether the pin stays although it is not described: --with-deps brought it for another pin. */
static bool is_companion(const struct wanted_app *w, const struct pin *pin)
{
	return w->as->with_deps && pin->origin == PIN_WITH_DEPS &&
	       !versions_have(&w->pins, &pin->digest);
}

/* The further directory of pin number i; NULL without one. */
static const char *place_wanted(const struct wanted_app *w, size_t i)
{
	const char *place = w->places.items[i];

	return *place ? place : NULL;
}

static bool is_pin_described(const struct wanted_app *w, const struct pin *pin)
{
	for (size_t i = 0; i < w->pins.count; i++)
		if (digest_equal(&w->pins.items[i].digest, &pin->digest))
			return pin->origin == PIN_BY_HAND && pin_has_place(pin, place_wanted(w, i));
	return false;
}

static bool is_explained(const struct wanted_app *w, const struct app *now)
{
	return string_equal(now->reason, w->as->reason) && now->until == w->as->until;
}

/* But for reason and date. */
static bool is_as_described(const struct wanted_app *w, const struct app *now)
{
	size_t wanted = 0;

	if (!now->path || now->on_failure != w->as->on_failure ||
	    !confinement_equal(&now->confined, &w->confined) ||
	    !string_equal(now->program, w->as->program) || now->sealed != w->as->sealed)
		return false;
	for (size_t i = 0; i < now->npins; i++) {
		const struct pin *pin = &now->pins[i];

		if (is_companion(w, pin))
			continue;
		if (!is_pin_described(w, pin))
			return false;
		wanted++;
	}
	return wanted == w->pins.count;
}

static int change_app(struct apply_run *a, const struct wanted_app *w, const struct app *now,
		      struct err *err)
{
	int r = policy_wrap(a->policy, w->path, w->as->on_failure, false, err);

	for (size_t i = 0; r == 0 && i < now->npins; i++)
		if (!is_companion(w, &now->pins[i]) &&
		    !versions_have(&w->pins, &now->pins[i].digest))
			r = policy_unpin(a->policy, w->path, &now->pins[i].digest, err);
	for (size_t i = 0; r == 0 && i < w->pins.count; i++)
		r = policy_pin(a->policy, w->path, &w->pins.items[i], PIN_BY_HAND,
			       place_wanted(w, i), err);
	if (r == 0)
		r = policy_confine(a->policy, w->path, &w->confined, err);
	if (r == 0)
		r = policy_show_as(a->policy, w->path, w->as->program, err);
	if (r == 0)
		r = policy_seal(a->policy, w->path, w->as->sealed, err);
	if (r == 0 && w->as->with_deps && !a->options->dry_run)
		r = depends_add(a->policy, a->store, w->path, a->options->report, a->options->ctx,
				err);
	if (r == 0 && w->as->with_deps && !a->options->dry_run)
		r = with_deps_add(a->policy, a->store, w->path, a->options->report, a->options->ctx,
				  err);
	return r;
}

static int note_pinned(struct apply_run *a, const struct wanted_app *w, struct err *err)
{
	int r = w->as->force ? strings_add(&a->forced, w->path, err) : 0;

	if (r == 0 && w->as->sealed)
		r = strings_add(&a->sealed, w->path, err);
	return r < 0 ? r : strings_add(&a->pinned, w->path, err);
}

static int note_changed(struct apply_run *a, const char *path, struct err *err)
{
	int r = strings_add(a->changed, path, err);

	return r < 0 ? r : strings_add(a->activate, path, err);
}

static int apply_explanation(struct apply_run *a, const struct wanted_app *w, const struct app *now,
			     struct err *err)
{
	int r = policy_explain(a->policy, w->path, w->as->reason, w->as->until, err);

	return r < 0 || is_explained(w, now) ? r : strings_add_once(a->changed, w->path, err);
}

static int apply_wrapped(struct apply_run *a, struct wanted_app *w, const struct app *now,
			 struct err *err)
{
	struct err ignored;
	int r = find_state(a, w, now, err);

	if (r < 0)
		return r;
	if (!w->unknown && is_as_described(w, now) && wrap_check(w->path, &ignored) == 0)
		return apply_explanation(a, w, now, err);
	if (!w->unknown && !is_as_described(w, now))
		r = change_app(a, w, now, err);
	if (r == 0 && w->as->npins && (w->unknown || !is_as_described(w, now)))
		r = note_pinned(a, w, err);
	if (r == 0)
		r = note_changed(a, w->path, err);
	return r < 0 || w->unknown ? r : apply_explanation(a, w, now, err);
}

static int unwrap_app(struct apply_run *a, const char *path, struct err *err)
{
	int r = policy_unwrap(a->policy, path, err);

	return r < 0 ? r : note_changed(a, path, err);
}

/* A program that is described as absent, or as one of a pinned version, need not exist. */
static int find_app_path(const struct described *as, char path[PATH_MAX], struct err *err)
{
	int r = reach_allowed(as->path, err);

	if (r == 0)
		r = program_canonical(as->path, path, err);
	if (r == -ENOENT && as->program)
		return path_place(as->path, path, err);
	if (r == -ENOENT && as->absent) {
		snprintf(path, PATH_MAX, "%s", as->path);
		return 0;
	}
	return r;
}

static int apply_app(struct apply_run *a, const struct described *as, struct err *err)
{
	AUTO_WANTED_APP struct wanted_app w = {.as = as};
	AUTO_APP struct app now = {0};
	int r = find_app_path(as, w.path, err);

	if (r < 0)
		return r;
	if (strings_have(&a->described, w.path))
		return err_set(err, EINVAL, "%s leads to %s, which already has a description",
			       as->path, w.path);
	r = strings_add(&a->described, w.path, err);
	if (r == 0)
		r = policy_app(a->policy, w.path, POLICY_NOW, &now, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (as->absent)
		return now.path ? unwrap_app(a, w.path, err) : 0;
	return apply_wrapped(a, &w, &now, err);
}

static int unwrap_others(struct apply_run *a, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(a->policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (!strings_have(&a->described, apps.items[i].path))
			r = unwrap_app(a, apps.items[i].path, err);
	return r;
}

int apply_to_policy(struct policy *policy, struct store *store, const struct description *d,
		    const struct apply_options *options, struct strings *changed,
		    struct strings *activate, struct err *err)
{
	struct apply_run a = {.policy = policy,
			      .store = store,
			      .options = options,
			      .changed = changed,
			      .activate = activate};
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->count; i++) {
		r = apply_app(&a, &d->items[i], err);
		if (r < 0)
			r = err_wrap(err, r, "%s", d->items[i].where);
	}
	if (r == 0 && options->exact)
		r = unwrap_others(&a, err);
	if (r == 0)
		r = caution_check(&a.pinned, &a.sealed, options->force ? &a.pinned : &a.forced,
				  options->report, options->ctx, err);
	strings_free(&a.described);
	strings_free(&a.pinned);
	strings_free(&a.sealed);
	strings_free(&a.forced);
	dpkg_says_free(&a.says);
	return r;
}
