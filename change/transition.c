#include "change/transition.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "change/directories.h"
#include "host/app_file.h"
#include "host/mounted.h"
#include "host/sealed.h"
#include "host/wrap.h"
#include "plan/write.h"
#include "policy/supply.h"
#include "view/verdict.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void transition_free(struct transition **t)
{
	if (!*t)
		return;
	app_free(&(*t)->app);
	view_plan_free(&(*t)->plan);
	sealed_free(&(*t)->sealed);
	free(*t);
	*t = NULL;
}

/* The wrapper in place is older than this pinlib, and might not read this pinlib's plans. */
static int refuse_half_upgraded(struct err *err)
{
	if (access(PINLIB_UPGRADING, F_OK) < 0)
		return 0;
	return err_set(err, EBUSY,
		       "pinlib is only half upgraded; run 'dpkg --configure pinlib' to finish");
}

/* In a view pinlib would take pinned files for the live system's, so it starts itself anew outside.
 * As an app it would arrive in its view again, and nothing could unset it. */
static int refuse_pinlib_itself(const char *path, struct err *err)
{
	char own[PATH_MAX];
	struct err ignored;

	if (path_place(PINLIB_COMMAND, own, &ignored) < 0 || strcmp(path, own) != 0)
		return 0;
	return err_set(err, EINVAL, "cannot pin pinlib itself (%s)", path);
}

/* Reasons against wrapping the app that its pins have nothing to do with. */
static int refuse_unwrappable(const char *path, bool supplied, struct dpkg_says *says,
			      struct err *err)
{
	char plan_name[NAME_MAX + 1];
	int r = refuse_half_upgraded(err);

	if (r == 0)
		r = refuse_pinlib_itself(path, err);
	if (r == 0)
		r = plan_file_name(path, plan_name, err);
	return r < 0 ? r : wrap_allowed(path, supplied, says, err);
}

static int build_plan(struct policy *policy, struct store *store, struct transition *t,
		      struct err *err)
{
	int64_t generation = policy_current(policy);

	return t->app.sealed && t->app.npins
		       ? seal_build(store, &t->app, generation, &t->plan, &t->sealed, err)
		       : view_build(store, &t->app, generation, &t->plan, err);
}

int transition_build(struct policy *policy, struct store *store, const char *path,
		     struct dpkg_says *says, struct transition **out, struct err *err)
{
	AUTO_TRANSITION struct transition *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return err_nomem(err);
	r = policy_app(policy, path, POLICY_NOW, &t->app, err);
	if (r < 0 && r != -ENOENT)
		return r;
	t->wraps = r == 0;
	/* A mount is in the way only where something is to be changed. */
	r = t->wraps || wrap_traces(path) ? mounted_refuse(path, err) : 0;
	if (r == 0 && t->wraps)
		r = refuse_unwrappable(path, app_is_supplied(store, &t->app), says, err);
	if (r == 0 && t->wraps) /* the view's loader is given the program by this name */
		r = wrap_restore(path, false, err);
	if (r == 0 && t->wraps)
		r = build_plan(policy, store, t, err);
	if (r == 0 && t->wraps)
		r = directories_make(&t->plan.view.targets, err);
	if (r == 0 && t->wraps && t->plan.view.supplied)
		r = wrap_restore(path, true, err);
	if (r < 0)
		return r;
	*out = t;
	t = NULL;
	return 0;
}

struct sysroot transition_sysroot(const struct transition *t, const char *program)
{
	struct sysroot sysroot = view_sysroot(&t->plan.plan, program);

	if (t->plan.plan.seal) { /* it is not at the app's path yet */
		sysroot.app = t->app.path;
		sysroot.real = t->sealed.image;
	}
	return sysroot;
}

int transition_prepare(const struct transition *t, struct dpkg_says *says, struct err *err)
{
	return t->wraps ? wrap_prepare(t->app.path, says, err) : 0;
}

/* The plan comes before the stub whose wrapper reads it, and goes after the stub. So does that of a view before and
 * after a sealed file: a wrapper that still reads it starts the app in its view. */
int transition_publish(const struct transition *t, const char *path, struct dpkg_says *says,
		       struct err *err)
{
	int r;

	if (!t->wraps) {
		r = wrap_remove(path, says, err);
		return r < 0 ? r : plan_remove(PINLIB_PLANS, path, err);
	}
	r = file_mkdirs(PINLIB_PLANS, err);
	if (r == 0 && t->plan.plan.seal)
		r = wrap_seal(path, t->plan.plan.seal,
			      t->plan.view.supplied ? t->plan.program : NULL, err);
	else if (r == 0 && !t->plan.view.supplied)
		r = wrap_follow_original(path, err);
	if (r == 0)
		r = plan_publish(PINLIB_PLANS, &t->plan.plan, err);
	return r < 0 ? r : wrap_install(path, err);
}

/* The program or the live system may have changed since the pins were set. */
static int prove_sealed(struct store *store, const struct transition *t, struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	AUTO_VERDICT struct verdict v = {0};
	struct sysroot sysroot = transition_sysroot(t, NULL);
	int r = supply_load(store, &t->app, &pinned, err);

	if (r == 0)
		r = verdict_reach(store, &t->app, &pinned, &sysroot, &v, err);
	if (r == 0 && v.against.count)
		r = err_set(err, ECANCELED, "%s would not work with these pins: %s", t->app.path,
			    v.against.items[0]);
	if (r < 0)
		sealed_drop_waiting(t->app.path);
	return r;
}

int transition_run(struct policy *policy, struct store *store, const char *path,
		   struct dpkg_says *says, struct err *err)
{
	AUTO_TRANSITION struct transition *t = NULL;
	int r = transition_build(policy, store, path, says, &t, err);

	if (r == 0 && t->plan.plan.seal && !t->app.forced)
		r = prove_sealed(store, t, err);
	if (r == 0)
		r = transition_prepare(t, says, err);
	return r < 0 ? r : transition_publish(t, path, says, err);
}
