#include "upgrade/refresh.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "change/drift.h"
#include "change/transition.h"
#include "host/app_file.h"
#include "host/interpreter.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "plan/read.h"
#include "plan/write.h"
#include "view/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct refresh {
	struct policy *policy;
	struct store *store;
	const struct refresh_options *options;
	struct plan_file *file; /* of the app at hand */
	struct dpkg_says says;
	int attention; /* the apps that somebody has to look at */
};

const char *refreshed_name(enum refreshed_state state)
{
	static const char *const names[] = {"same", "repaired", "sleeps", "fails"};

	return names[state];
}

static void report_app(struct refresh *run, const struct refreshed *refreshed)
{
	run->attention += refreshed->state == REFRESH_FAILS ||
			  (refreshed->state == REFRESH_SLEEPS && refreshed->news);
	run->options->report(run->options->ctx, refreshed);
}

/* -- programs that cannot be wrapped -- */

/* Whether wrap_fit found a reason against the program, or could not look at it. */
static bool cannot_be_wrapped(int r)
{
	return r == -ENOENT || r == -ELOOP || r == -EISDIR || r == -EINVAL || r == -EACCES ||
	       r == -EPERM;
}

/* Whether the app was wrapped until now, or until unwrap_apply (upgrade/unwrap.h). */
static bool was_awake(struct refresh *run, const char *app)
{
	struct err ignored;

	return (wrap_present(app) && !wrap_is_anothers(app)) ||
	       plan_load(PINLIB_PLANS, app, 0, run->file, &ignored) != -ENOENT;
}

static bool is_gone(const char *app)
{
	struct stat st;

	return !wrap_traces(app) && lstat(app, &st) < 0 && errno == ENOENT;
}

/* A program that is gone may come back with the file system that it is on. Then it has to start at
 * once, by its plan, so the plan stays. */
static int unwrap_app(struct refresh *run, const char *app, struct err *err)
{
	int r;

	if (is_gone(app))
		return 0;
	r = wrap_remove(app, &run->says, err);
	return r < 0 ? r : plan_remove(PINLIB_PLANS, app, err);
}

static int put_to_sleep(struct refresh *run, const char *app, int reason, const char *why,
			struct err *err)
{
	char help[ERR_TEXT_MAX];
	bool news = was_awake(run, app);
	int r = unwrap_app(run, app, err);

	if (r < 0)
		return r;
	snprintf(help, sizeof help,
		 "its pins wait until it can be wrapped again; 'pinlib unset %s' removes them%s",
		 app, reason == -ELOOP ? ", and 'pinlib set' can pin the target of the link" : "");
	report_app(run, &(struct refreshed){app, REFRESH_SLEEPS, news, why, help});
	return 0;
}

/* -- programs that can -- */

/* Frozen libraries can be taken anew from the live system; other pins somebody chose. */
static void report_failing(struct refresh *run, const struct app *app, const char *why)
{
	char help[ERR_TEXT_MAX], remedy[ERR_TEXT_MAX / 2];
	bool frozen = false;

	for (size_t i = 0; i < app->npins; i++)
		frozen |= app->pins[i].origin == PIN_FREEZE;
	snprintf(remedy, sizeof remedy,
		 frozen ? "'pinlib freeze %s' freezes the libraries that it loads now"
			: "'pinlib set --with-deps %s ...' pins the libraries that it lacks",
		 app->path);
	snprintf(help, sizeof help,
		 "'pinlib check %s' prints all reasons; %s, and 'pinlib unset %s' gives it the "
		 "system's libraries",
		 app->path, remedy, app->path);
	report_app(run, &(struct refreshed){app->path, REFRESH_FAILS, false, why, help});
}

/* Whether the view in force holds on the system as it is now. repaired: what was wrong with the
 * app; NULL: nothing. */
static int prove_view(struct refresh *run, const struct app *app, const char *repaired,
		      struct err *err)
{
	AUTO_VERDICT struct verdict v = {0};
	int r = app->forced ? 0 : verdict_reach_current(run->store, app, &v, err);

	if (r < 0)
		return r;
	if (v.against.count)
		report_failing(run, app, v.against.items[0]);
	else
		report_app(run, &(struct refreshed){app->path,
						    repaired ? REFRESH_REPAIRED : REFRESH_SAME,
						    false, repaired ? repaired : "", ""});
	return 0;
}

static int find_drift(struct refresh *run, const struct app *app, struct err *err)
{
	return run->options->deep ? drift_find_deep(app, run->store, run->file, err)
				  : drift_find(app, run->store, run->file, err);
}

/* Brings the stub, the plan and the layer up to date. */
static int keep_awake(struct refresh *run, const struct app *app, struct err *err)
{
	struct err wrong, why;
	bool was_wrapped = wrap_present(app->path);
	int r = wrap_follow(app->path, &wrong);

	if (r == 0)
		r = find_drift(run, app, &wrong);
	if (r == 0)
		return prove_view(run, app, NULL, err);
	r = transition_run(run->policy, run->store, app->path, &why);
	/* Something else is in the way, and stays: another package's diversion, for example. */
	if (r < 0 && !was_wrapped)
		return put_to_sleep(run, app->path, r, why.text, err);
	if (r < 0)
		return err_set(err, -r, "%s; pinlib cannot repair this: %s", wrong.text, why.text);
	return prove_view(
		run, app,
		was_wrapped ? wrong.text : "the program is back and has been wrapped again", err);
}

static int refresh_app(struct refresh *run, const struct app *app, struct err *err)
{
	struct err why;
	int r = wrap_fit(app->path, app_is_supplied(run->store, app), &why);

	if (r < 0 && !cannot_be_wrapped(r)) {
		*err = why;
		return r;
	}
	if (r == 0)
		r = interpreter_check_app(run->policy, run->store, app->path, &why);
	return r < 0 ? put_to_sleep(run, app->path, r, why.text, err) : keep_awake(run, app, err);
}

/* What is wrong with the app could not be repaired: a full disk, or an object that the store lacks. */
static void report_unrepaired(struct refresh *run, const struct app *app, const char *why)
{
	char help[ERR_TEXT_MAX];

	snprintf(help, sizeof help,
		 "remove the cause, then run 'pinlib doctor --repair'; or 'pinlib unset %s' gives "
		 "it the system's libraries",
		 app->path);
	report_app(run, &(struct refreshed){app->path, REFRESH_FAILS, false, why, help});
}

/* An error with one app does not keep the others from being refreshed. */
int refresh_apps(struct policy *policy, struct store *store, const struct refresh_options *options,
		 struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct refresh run = {.policy = policy, .store = store, .options = options, .file = file};
	struct err why;
	int r;

	if (!file)
		return err_nomem(err);
	r = policy_apps(policy, POLICY_NOW, &apps, err);
	if (r == 0)
		r = drift_expect(&apps, err);
	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (refresh_app(&run, &apps.items[i], &why) < 0)
			report_unrepaired(&run, &apps.items[i], why.text);
	dpkg_says_free(&run.says);
	if (r < 0)
		return r;
	units_update(policy, NULL, NULL);
	return run.attention;
}
