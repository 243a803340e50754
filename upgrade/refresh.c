#include "upgrade/refresh.h"

#include "base/paths.h"
#include "change/activate.h"
#include "host/script.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "plan/read.h"
#include "plan/write.h"
#include "view/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct work {
	struct policy *policy;
	struct store *store;
	struct plan_file *file;
	struct dpkg_says says;
	refreshed_fn *tell;
	void *ctx;
	int attention;
};

const char *refreshed_name(enum refreshed_state state)
{
	static const char *const names[] = {"same", "mended", "sleeps", "fails"};

	return names[state];
}

/* What wrap_fit has against a program, as opposed to what keeps it from being looked at. */
static bool cannot_be_wrapped(int r)
{
	return r == -ENOENT || r == -ELOOP || r == -EISDIR || r == -EINVAL || r == -EACCES ||
	       r == -EPERM;
}

static void help_asleep(const char *app, int r, char help[ERR_TEXT_MAX])
{
	snprintf(help, ERR_TEXT_MAX,
		 "its pins wait until it can be wrapped again; 'pinlib unset %s' forgets them%s",
		 app, r == -ELOOP ? ", and 'pinlib set' can pin what the link leads to" : "");
}

/* Frozen libraries are taken anew from the system; others are the administrator's choice. */
static void help_failing(const struct app *app, char help[ERR_TEXT_MAX])
{
	bool frozen = false;

	for (size_t i = 0; i < app->npins; i++)
		frozen |= app->pins[i].origin == PIN_FREEZE;
	snprintf(
		help, ERR_TEXT_MAX,
		"'pinlib check %s' says all of it; %s, and 'pinlib unset %s' gives it the system's "
		"libraries",
		app->path,
		frozen ? "'pinlib freeze' freezes what it loads now"
		       : "'pinlib set --with-deps' pins what else it needs",
		app->path);
}

static void tell(struct work *w, const struct refreshed *what)
{
	w->attention +=
		what->state == REFRESH_FAILS || (what->state == REFRESH_SLEEPS && what->news);
	w->tell(w->ctx, what);
}

/* It was wrapped until now, or until pinlib stepped aside (upgrade/unwrap.h). */
static bool was_awake(struct work *w, const char *app)
{
	struct err ignored;

	return (wrap_present(app) && !wrap_is_anothers(app)) ||
	       plan_load(PINLIB_PLANS, app, 0, w->file, &ignored) != -ENOENT;
}

static bool is_away(const char *app)
{
	struct stat st;

	return !wrap_traces(app) && lstat(app, &st) < 0 && errno == ENOENT;
}

/* Nothing of pinlib is to stay at the app's path. */
static int put_to_sleep(struct work *w, const struct app *app, int reason, const char *why,
			struct err *err)
{
	char help[ERR_TEXT_MAX];
	bool news = was_awake(w, app->path);
	int r = 0;

	/* What pinlib did not take away may come back, with the filesystem that it is on: then it has
	 * to start at once, by its plan. */
	if (!is_away(app->path)) {
		r = wrap_remove(app->path, &w->says, err);
		if (r == 0)
			r = plan_remove(PINLIB_PLANS, app->path, err);
	}
	if (r < 0)
		return r;
	help_asleep(app->path, reason, help);
	tell(w, &(struct refreshed){app->path, REFRESH_SLEEPS, news, why, help});
	return 0;
}

/* Whether the view in force holds on the system as it is now; it is told either way. */
static int prove_again(struct work *w, const struct app *app, const char *mended, struct err *err)
{
	AUTO_VERDICT struct verdict v = {0};
	char help[ERR_TEXT_MAX];
	struct refreshed what = {app->path, mended ? REFRESH_MENDED : REFRESH_SAME, false,
				 mended ? mended : "", ""};
	int r = app->forced ? 0 : verdict_in_force(w->store, app, &v, err);

	if (r < 0)
		return r;
	if (v.against.count) {
		help_failing(app, help);
		what = (struct refreshed){app->path, REFRESH_FAILS, false, v.against.items[0],
					  help};
	}
	tell(w, &what);
	return 0;
}

/* The program can be wrapped, and its wrapper, plan and layer are brought up to date. */
static int keep_awake(struct work *w, const struct app *app, struct err *err)
{
	struct err wrong, why;
	bool was = wrap_present(app->path);
	int r = activate_look(app, w->store, w->file, &wrong);

	if (r == 0)
		return prove_again(w, app, NULL, err);
	r = activate_app(w->policy, w->store, app->path, &why);
	/* Something else stands there, and stays: another package's diversion, say. */
	if (r < 0 && !was)
		return put_to_sleep(w, app, r, why.text, err);
	if (r < 0) {
		*err = why;
		return err_wrap(err, r, "%s; that cannot be mended", wrong.text);
	}
	return prove_again(w, app, was ? wrong.text : "it is back, and wrapped again", err);
}

static int refresh_app(struct work *w, const struct app *app, struct err *err)
{
	struct err why;
	int r = wrap_fit(app->path, &why);

	if (r < 0 && !cannot_be_wrapped(r)) {
		*err = why;
		return r;
	}
	if (r == 0)
		r = script_check_one(w->policy, app->path, &why);
	return r < 0 ? put_to_sleep(w, app, r, why.text, err) : keep_awake(w, app, err);
}

int refresh(struct policy *policy, struct store *store, refreshed_fn *told, void *ctx,
	    struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct work w = {policy, store, file, {0}, told, ctx, 0};
	int r;

	if (!file)
		return err_nomem(err);
	r = policy_apps(policy, POLICY_NOW, &apps, err);
	for (size_t i = 0; r == 0 && i < apps.count; i++) {
		const struct app *app = &apps.items[i];
		char help[ERR_TEXT_MAX];
		struct err why;

		/* What goes wrong with one app must not keep the others from being looked at. */
		if (refresh_app(&w, app, &why) == 0)
			continue;
		help_failing(app, help);
		tell(&w, &(struct refreshed){app->path, REFRESH_FAILS, false, why.text, help});
	}
	dpkg_says_free(&w.says);
	if (r == 0)
		units_follow(policy, NULL, NULL);
	return r < 0 ? r : w.attention;
}
