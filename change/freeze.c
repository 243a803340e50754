#include "change/freeze.h"

#include "base/cleanup.h"
#include "change/freeze_work.h"
#include "host/wrap.h"

#include <stdlib.h>
#include <string.h>

/* Adds a version to the outcome, and compares it with the one that was frozen before. */
static int add_outcome(struct freeze_work *w, const struct version *v, struct err *err)
{
	struct frozen f = {
		.name = v->name, .version = v->version, .arch = v->arch, .changed = true};

	for (size_t i = 0; i < w->app.npins; i++) {
		const struct pin *pin = &w->app.pins[i];

		if (pin->origin != PIN_FREEZE || strcmp(pin->name, v->name) != 0 ||
		    strcmp(pin->arch, v->arch) != 0)
			continue;
		f.before = pin->version;
		f.changed = !digest_equal(&pin->digest, &v->digest);
	}
	return freezing_add(&w->out, &f, err);
}

static int unpin_former(struct policy *policy, const struct freeze_work *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->app.npins; i++) {
		const struct pin *pin = &w->app.pins[i];

		if (pin->origin == PIN_FREEZE && !versions_have(&w->made, &pin->digest) &&
		    !versions_have(&w->kept, &pin->digest))
			r = policy_unpin(policy, w->app.path, &pin->digest, err);
	}
	return r;
}

static int pin_versions(struct policy *policy, struct freeze_work *w, struct err *err)
{
	const struct app *app = &w->app;
	int r = policy_wrap(policy, app->path, app->on_failure, app->forced, err);

	if (r == 0)
		r = unpin_former(policy, w, err);
	for (size_t i = 0; r == 0 && i < w->made.count; i++) {
		r = policy_pin(policy, app->path, &w->made.items[i], PIN_FREEZE, NULL, err);
		if (r == 0)
			r = add_outcome(w, &w->made.items[i], err);
	}
	/* The live system no longer has these; they stay frozen as before. */
	for (size_t i = 0; r == 0 && i < w->base.npins; i++)
		if (w->base.pins[i].origin == PIN_FREEZE)
			r = add_outcome(w, &w->kept.items[i], err);
	freezing_sort(&w->out);
	return r;
}

static int read_app(struct freeze_work *w, struct policy *policy, const char *path, struct err *err)
{
	int r = policy_app(policy, path, POLICY_NOW, &w->app, err);

	if (r != -ENOENT)
		return r;
	w->app = (struct app){.path = strdup(path), .on_failure = PLAN_REFUSE};
	return w->app.path ? 0 : err_nomem(err);
}

static int prepare_freeze(struct freeze_work *w, struct policy *policy, const char *path,
			  struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&path, 1);
	int r = wrap_allowed(path, false, &says, err);

	if (r == 0)
		r = read_app(w, policy, path, err);
	if (r == 0)
		r = freeze_sort_pins(w, err);
	if (r < 0)
		return r;
	w->plan = calloc(1, sizeof *w->plan);
	if (!w->plan)
		return err_nomem(err);
	return view_build(w->store, &w->base, policy_current(policy), w->plan, err);
}

static int refuse_empty(const struct freeze_work *w, struct err *err)
{
	if (w->out.count)
		return 0;
	return err_set(
		err, ENOENT,
		"nothing to freeze for %s: all libraries that it loads are pinned%s, or must "
		"stay the live system's",
		w->app.path, w->with_libc ? "" : ", belong to glibc (--with-libc)");
}

int freeze_make(struct policy *policy, struct store *store, const char *path,
		const struct freeze_options *options, struct freezing *out, struct err *err)
{
	CLEANUP(freeze_work_free)
	struct freeze_work w = {
		.store = store,
		.seen = options->seen,
		.with_libc = options->with_libc,
	};
	int r = prepare_freeze(&w, policy, path, err);

	if (r == 0)
		r = freeze_find_files(&w, err);
	if (r == 0)
		r = freeze_store_files(&w, err);
	if (r == 0)
		r = pin_versions(policy, &w, err);
	if (r == 0)
		r = refuse_empty(&w, err);
	if (r < 0)
		return r;
	*out = w.out;
	w.out = (struct freezing){0};
	return 0;
}

int freeze_thaw(struct policy *policy, const char *path, struct err *err)
{
	AUTO_APP struct app app = {0};
	size_t taken = 0;
	int r = policy_app(policy, path, POLICY_NOW, &app, err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < app.npins; i++) {
		if (app.pins[i].origin != PIN_FREEZE)
			continue;
		r = policy_unpin(policy, path, &app.pins[i].digest, err);
		taken++;
	}
	if (r == 0 && taken == 0)
		return err_set(err, ENOENT, "%s is not frozen", path);
	/* An app with a filter stays wrapped: the wrapper loads the filter. */
	if (r == 0 && taken == app.npins && !app.confined.profile)
		r = policy_unwrap(policy, path, err);
	return r;
}
