#include "upgrade/refresh.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "change/drift.h"
#include "change/transition.h"
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

static void report(struct refresh *r, const struct refreshed *refreshed)
{
	r->attention += refreshed->state == REFRESH_FAILS ||
			(refreshed->state == REFRESH_SLEEPS && refreshed->news);
	r->options->report(r->options->ctx, refreshed);
}

/* -- programs that cannot be wrapped -- */

/* Whether wrap_fit found a reason against the program, or could not look at it. */
static bool cannot_be_wrapped(int r)
{
	return r == -ENOENT || r == -ELOOP || r == -EISDIR || r == -EINVAL || r == -EACCES ||
	       r == -EPERM;
}

/* Whether the app was wrapped until now, or until unwrap_apply (upgrade/unwrap.h). */
static bool was_awake(struct refresh *r, const char *app)
{
	struct err ignored;

	return (wrap_present(app) && !wrap_is_anothers(app)) ||
	       plan_load(PINLIB_PLANS, app, 0, r->file, &ignored) != -ENOENT;
}

static bool is_gone(const char *app)
{
	struct stat st;

	return !wrap_traces(app) && lstat(app, &st) < 0 && errno == ENOENT;
}

/* A program that is gone may come back with the file system that it is on. Then it has to start at
 * once, by its plan, so the plan stays. */
static int unwrap_app(struct refresh *r, const char *app, struct err *err)
{
	int result;

	if (is_gone(app))
		return 0;
	result = wrap_remove(app, &r->says, err);
	return result < 0 ? result : plan_remove(PINLIB_PLANS, app, err);
}

static int put_to_sleep(struct refresh *r, const char *app, int reason, const char *why,
			struct err *err)
{
	char help[ERR_TEXT_MAX];
	bool news = was_awake(r, app);
	int result = unwrap_app(r, app, err);

	if (result < 0)
		return result;
	snprintf(help, sizeof help,
		 "its pins wait until it can be wrapped again; 'pinlib unset %s' removes them%s",
		 app, reason == -ELOOP ? ", and 'pinlib set' can pin the target of the link" : "");
	report(r, &(struct refreshed){app, REFRESH_SLEEPS, news, why, help});
	return 0;
}

/* -- programs that can -- */

/* Frozen libraries can be taken anew from the live system; other pins somebody chose. */
static void report_failing(struct refresh *r, const struct app *app, const char *why)
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
	report(r, &(struct refreshed){app->path, REFRESH_FAILS, false, why, help});
}

/* Whether the view in force holds on the system as it is now. repaired: what was wrong with the
 * app; NULL: nothing. */
static int prove_view(struct refresh *r, const struct app *app, const char *repaired,
		      struct err *err)
{
	AUTO_VERDICT struct verdict v = {0};
	int result = app->forced ? 0 : verdict_reach_current(r->store, app, &v, err);

	if (result < 0)
		return result;
	if (v.against.count)
		report_failing(r, app, v.against.items[0]);
	else
		report(r, &(struct refreshed){app->path, repaired ? REFRESH_REPAIRED : REFRESH_SAME,
					      false, repaired ? repaired : "", ""});
	return 0;
}

static int find_drift(struct refresh *r, const struct app *app, struct err *err)
{
	return r->options->deep ? drift_find_deep(app, r->store, r->file, err)
				: drift_find(app, r->store, r->file, err);
}

/* Brings the wrapper, the plan and the layer up to date. */
static int keep_awake(struct refresh *r, const struct app *app, struct err *err)
{
	struct err wrong, why;
	bool was_wrapped = wrap_present(app->path);
	int result = find_drift(r, app, &wrong);

	if (result == 0)
		return prove_view(r, app, NULL, err);
	result = transition_run(r->policy, r->store, app->path, &why);
	/* Something else is in the way, and stays: another package's diversion, for example. */
	if (result < 0 && !was_wrapped)
		return put_to_sleep(r, app->path, result, why.text, err);
	if (result < 0)
		return err_set(err, -result, "%s; pinlib cannot repair this: %s", wrong.text,
			       why.text);
	return prove_view(
		r, app, was_wrapped ? wrong.text : "the program is back and has been wrapped again",
		err);
}

static int refresh_app(struct refresh *r, const struct app *app, struct err *err)
{
	struct err why;
	int result = wrap_fit(app->path, &why);

	if (result < 0 && !cannot_be_wrapped(result)) {
		*err = why;
		return result;
	}
	if (result == 0)
		result = interpreter_check_app(r->policy, app->path, &why);
	return result < 0 ? put_to_sleep(r, app->path, result, why.text, err)
			  : keep_awake(r, app, err);
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
	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (refresh_app(&run, &apps.items[i], &why) < 0)
			report_failing(&run, &apps.items[i], why.text);
	dpkg_says_free(&run.says);
	if (r < 0)
		return r;
	units_update(policy, NULL, NULL);
	return run.attention;
}
