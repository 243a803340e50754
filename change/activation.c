#include "change/activation.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "base/progress.h"
#include "change/directories.h"
#include "change/pending.h"
#include "change/readonly.h"
#include "change/recovery.h"
#include "change/transition.h"
#include "host/apparmor.h"
#include "host/interpreter.h"
#include "host/privilege.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "plan/write.h"
#include "policy/supply.h"
#include "view/verdict.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct activation {
	struct policy *policy;
	struct store *store;
	const struct strings *paths;
	const struct activation_options *options;
	struct transition **transitions; /* of paths; NULL: not built yet */
	struct strings others;		 /* the pending list of interrupted commands */
};

static void activation_free(struct activation *a)
{
	for (size_t i = 0; a->transitions && i < a->paths->count; i++)
		transition_free(&a->transitions[i]);
	free(a->transitions);
	strings_free(&a->others);
}

static void report_text(const struct activation *a, const char *text)
{
	if (a->options->report)
		a->options->report(a->options->ctx, text);
}

static void report_from(const struct activation *a, const struct strings *texts, size_t first)
{
	for (size_t i = first; i < texts->count; i++)
		report_text(a, texts->items[i]);
}

/* -- prepare -- */

static int reach_verdict(const struct activation *a, const struct transition *t, struct verdict *v,
			 struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	char program[PATH_MAX];
	struct sysroot sysroot;
	int r = wrap_program(t->app.path, program, err);

	if (r == 0)
		r = supply_load(a->store, &t->app, &pinned, err);
	if (r < 0)
		return r;
	sysroot = transition_sysroot(t, program);
	return verdict_reach(a->store, &t->app, &pinned, &sysroot, v, err);
}

/* Adds the reason why nobody here can get a view. The proof, which root runs, does not find it: no_new_privs takes nothing
 * from root, but the wrapper's capability from users. */
static int find_obstacle(const struct transition *t, struct strings *against, struct err *err)
{
	struct err why;
	int r = t->app.sealed ? 0 : privilege_check(&why);

	if (r == -EPERM)
		return strings_addf(
			against, err,
			"no view is possible here: %s ('pinlib doctor' prints a remedy)%s",
			why.text,
			t->plan.plan.kind == PLAN_ELF
				? "; a sealed program needs no view (--sealed)"
				: "");
	if (r < 0)
		*err = why;
	return r;
}

/* The policy remembers whether the view held. */
static int prove_view(const struct activation *a, const struct transition *t, struct err *err)
{
	AUTO_VERDICT struct verdict v = {0};
	const struct app *app = &t->app;
	int r = find_obstacle(t, &v.against, err);
	bool held, forced;

	if (r == 0 && v.against.count == 0)
		r = reach_verdict(a, t, &v, err);
	if (r < 0)
		return r;
	held = v.against.count == 0;
	forced = !held && (a->options->force || app->forced);
	report_from(a, &v.effects, 0);
	report_from(a, &v.remarks, 0);
	report_from(a, &t->sealed.remarks, 0);
	if (held || forced) {
		report_from(a, &v.against, 0);
		return policy_wrap(a->policy, app->path, app->on_failure, forced, err);
	}
	report_from(a, &v.against, 1);
	if (a->options->lacks_library)
		*a->options->lacks_library |= proof_lacks_library(&v.proof);
	return err_set(err, ECANCELED, "%s would not work with these pins: %s", app->path,
		       v.against.items[0]);
}

/* The covers that the view in force does not have: an administrator accepted those. */
static int new_covers(const struct transition *t, struct strings *out, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	AUTO_STRINGS struct strings old = {0};
	struct err none; /* then all covers are new */
	int r = 0;

	if (!file)
		return err_nomem(err);
	if (plan_load(PINLIB_PLANS, t->app.path, 0, file, &none) == 0)
		for (size_t i = 0; r == 0 && i < file->plan.ncovers; i++)
			r = strings_add(&old, file->plan.covers[i].target, err);
	for (size_t i = 0; r == 0 && i < t->plan.view.targets.count; i++)
		if (!strings_have(&old, t->plan.view.targets.items[i]))
			r = strings_add(out, t->plan.view.targets.items[i], err);
	return r;
}

/* Forced or not, this leaves the app's own proofs alone: the app is not recorded as forced. */
static int check_readonly(const struct activation *a, const struct transition *t, struct err *err)
{
	AUTO_STRINGS struct strings covers = {0};
	AUTO_STRINGS struct strings reasons = {0};
	AUTO_STRINGS struct strings remarks = {0};
	int r = new_covers(t, &covers, err);

	if (r == 0)
		r = readonly_find(a->store, &t->app, &covers, &reasons, &remarks, err);
	if (r < 0)
		return r;
	report_from(a, &remarks, 0);
	if (reasons.count && !a->options->force && !t->app.forced) {
		report_from(a, &reasons, 1);
		if (t->plan.plan.kind == PLAN_ELF)
			report_text(a, "'pinlib set --sealed' pins the libraries alone, and leaves "
				       "all directories writable");
		return err_set(err, ECANCELED, "%s", reasons.items[0]);
	}
	report_from(a, &reasons, 0);
	return 0;
}

static int prepare_app(struct activation *a, size_t i, struct dpkg_says *says, struct err *err)
{
	struct transition **t = &a->transitions[i];
	int r = transition_build(a->policy, a->store, a->paths->items[i], says, t, err);

	if (r == 0 && (*t)->wraps)
		r = check_readonly(a, *t, err);
	if (r == 0 && (*t)->wraps)
		r = prove_view(a, *t, err);
	return r < 0 ? r : transition_prepare(*t, says, err);
}

static int prepare_all(struct activation *a, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(a->paths->items, a->paths->count);
	int r = 0;

	progress_begin("preparing and testing views", PROGRESS_ITEMS, a->paths->count);
	for (size_t i = 0; r == 0 && i < a->paths->count; i++) {
		r = prepare_app(a, i, &says, err);
		if (r < 0 && a->options->failed)
			*a->options->failed = a->paths->items[i];
		progress_step(1);
	}
	progress_begin("writing to the disk", PROGRESS_ITEMS, 0);
	return r < 0 ? r : store_sync(a->store, err);
}

/* -- publish -- */

static int publish_all(const struct activation *a, int64_t generation, struct err *err)
{
	const struct strings *paths = a->paths;
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(paths->items, paths->count);

	for (size_t i = 0; i < paths->count; i++) {
		int r;

		/* A command that changes nothing makes no generation, though one was begun for it. */
		if (a->transitions[i]->wraps)
			view_plan_date(&a->transitions[i]->plan, generation);
		r = transition_publish(a->transitions[i], paths->items[i], &says, err);
		if (r < 0)
			return err_wrap(err, r, "%s", paths->items[i]);
	}
	return 0;
}

static void remark_apparmor(const struct activation *a)
{
	char profile[NAME_MAX + 1], text[ERR_TEXT_MAX];
	struct err ignored;

	for (size_t i = 0; i < a->paths->count; i++) {
		const char *app = a->paths->items[i];

		if (!a->transitions[i]->wraps || apparmor_profile(app, profile, &ignored) <= 0)
			continue;
		snprintf(text, sizeof text, APPARMOR_TEXT "; " APPARMOR_REMEDY, profile, app);
		report_text(a, text);
	}
}

/* -- after a failure -- */

/* The failure is reported, and not what goes wrong here. */
static void restore_apps(struct store *store)
{
	AUTO_POLICY struct policy *old = NULL;
	struct err ignored;

	if (policy_open(&old, &ignored) == 0)
		recovery_run(old, store, &ignored);
}

/* After a failure, r with err, of the commit or of what follows it. */
static int undo_commit(const struct activation *a, int r, struct err *err)
{
	struct err why;

	if (policy_revert(a->policy, &why) == 0) {
		restore_apps(a->store);
		return r;
	}
	return err_wrap(err, r,
			"the change was only partly applied and could not be undone (%s); the next "
			"pinlib command will finish it",
			why.text);
}

/* -- all -- */

static int activate(struct activation *a, const char *command, int64_t *generation, struct err *err)
{
	struct err ignored;
	int r = pending_read(&a->others, err);

	if (r == 0)
		r = pending_write(&a->others, a->paths, err);
	if (r < 0)
		return r;
	r = prepare_all(a, err);
	if (r < 0) {
		restore_apps(a->store);
		return r;
	}
	r = policy_commit(a->policy, command, generation, err);
	if (r == 0)
		r = publish_all(a, *generation, err);
	if (r < 0)
		return undo_commit(a, r, err);
	policy_settle(a->policy);
	directories_sweep(a->policy, &ignored); /* or with the next change */
	remark_apparmor(a);
	/* A list that still names these apps costs the next command a look at each, no more. */
	if (units_update(a->policy, a->options->report, a->options->ctx))
		pending_finish(&a->others, a->paths, &ignored);
	return 0;
}

int activation_run(struct policy *policy, struct store *store, const struct strings *paths,
		   const char *command, const struct activation_options *options,
		   int64_t *generation, struct err *err)
{
	static const struct activation_options defaults;
	CLEANUP(activation_free)
	struct activation a = {
		.policy = policy,
		.store = store,
		.paths = paths,
		.options = options ? options : &defaults,
		.transitions = calloc(paths->count + 1, sizeof *a.transitions),
	};
	int r;

	if (!a.transitions)
		return err_nomem(err);
	r = interpreter_check(policy, store, paths, err);
	if (r == 0)
		r = activate(&a, command, generation, err);
	progress_end();
	return r;
}
