#include "freeze/freeze.h"

#include "base/cleanup.h"
#include "base/progress.h"
#include "freeze/work.h"
#include "host/app_file.h"
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

static bool has_made(const struct freeze_work *w, const struct digest *digest)
{
	for (size_t i = 0; i < w->nmade; i++)
		if (digest_equal(&w->made[i]->digest, digest))
			return true;
	return false;
}

static int unpin_former(struct policy *policy, const struct freeze_work *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->app.npins; i++) {
		const struct pin *pin = &w->app.pins[i];

		if (pin->origin == PIN_FREEZE && !has_made(w, &pin->digest) &&
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
	for (size_t i = 0; r == 0 && i < w->nmade; i++) {
		r = policy_pin(policy, app->path, w->made[i], PIN_FREEZE, NULL, err);
		if (r == 0)
			r = add_outcome(w, w->made[i], err);
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
			  struct dpkg_says *says, struct err *err)
{
	const size_t packages = w->machine->inventory.packages.count;
	struct store *store = w->machine->store;
	int r = read_app(w, policy, path, err);

	if (r < 0)
		return r;
	w->marks = calloc(packages + 1, sizeof *w->marks);
	w->plan = calloc(1, sizeof *w->plan);
	if (!w->marks || !w->plan)
		return err_nomem(err);
	w->owner = inventory_owner_diverted(&w->machine->inventory, path);
	r = freeze_sort_pins(w, err);
	if (r == 0)
		r = wrap_allowed(path, app_is_supplied(store, &w->base), says, err);
	return r < 0 ? r : view_build(store, &w->base, policy_current(policy), w->plan, err);
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

static int freeze_app(struct policy *policy, struct freeze_work *w, struct err *err)
{
	int r = freeze_store_files(w, err);

	if (r == 0)
		r = pin_versions(policy, w, err);
	return r < 0 ? r : refuse_empty(w, err);
}

/* All that goes into the store for any app: each package once. */
static int take_chosen(struct freeze_machine *m, const struct freeze_work *works, size_t n,
		       struct err *err)
{
	AUTO_FREE bool *wanted = calloc(m->inventory.packages.count + 1, sizeof *wanted);

	if (!wanted)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m->inventory.packages.count; k++)
			wanted[k] |= works[i].marks[k] & FREEZE_WHOLE;
	return freeze_take_packages(m, wanted, err);
}

static int freeze_all(struct policy *policy, struct freeze_machine *m, struct freeze_work *works,
		      const struct strings *apps, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(apps->items, apps->count);
	int r = 0;

	progress_begin("choosing files to freeze", PROGRESS_ITEMS, apps->count);
	for (size_t i = 0; r == 0 && i < apps->count; i++) {
		r = prepare_freeze(&works[i], policy, apps->items[i], &says, err);
		if (r == 0)
			r = freeze_find_files(&works[i], err);
		progress_step(1);
	}
	if (r == 0)
		r = take_chosen(m, works, apps->count, err);
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		r = freeze_app(policy, &works[i], err);
	progress_end();
	return r;
}

int freeze_make(struct policy *policy, struct store *store, const struct strings *apps,
		const struct freeze_options *options, struct freezing *out, struct err *err)
{
	CLEANUP(freeze_machine_end) struct freeze_machine m = {0};
	AUTO_FREE struct freeze_work *works = calloc(apps->count + 1, sizeof *works);
	int r = works ? freeze_machine_begin(&m, store, err) : err_nomem(err);

	for (size_t i = 0; works && i < apps->count; i++)
		works[i] = (struct freeze_work){
			.machine = &m,
			.seen = options->seen,
			.with_libc = options->with_libc,
			.libraries = options->libraries,
			.owner = OWNER_NONE,
		};
	if (r == 0)
		r = freeze_all(policy, &m, works, apps, err);
	for (size_t i = 0; works && i < apps->count; i++) {
		if (r == 0) {
			out[i] = works[i].out;
			works[i].out = (struct freezing){0};
		}
		freeze_work_free(&works[i]);
	}
	return r;
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
