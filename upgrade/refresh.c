#include "upgrade/refresh.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/paths.h"
#include "base/progress.h"
#include "change/asleep.h"
#include "change/crew.h"
#include "change/directories.h"
#include "change/drift.h"
#include "change/transition.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "plan/write.h"
#include "upgrade/siblings.h"
#include "upgrade/unrefreshed.h"
#include "view/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_MS 1000 /* between two writes of the list of apps that are left */

struct refresh_item {
	const struct app *app;
	bool done;     /* state, news, why and help are set */
	bool proven;   /* a child has looked at it */
	bool upgraded; /* its original was replaced */
	enum refreshed_state state;
	bool news;
	char *why, *help;
	char *drift;	/* what is wrong with its plan or layer, to be repaired; NULL */
	char *repaired; /* what was wrong; NULL */
};

struct refresh {
	struct policy *policy;
	struct store *store;
	const struct refresh_options *options;
	struct plan_file *file; /* of the app at hand */
	struct dpkg_says says;
	struct apps apps;
	const char **paths;	    /* of the apps */
	struct refresh_item *items; /* in the order in which they are looked at */
	size_t count;
	size_t *turn; /* the numbers of the items that the crew proves */
	int64_t until, recorded;
};

static void refresh_free(struct refresh *run)
{
	for (size_t i = 0; i < run->count; i++) {
		free(run->items[i].why);
		free(run->items[i].help);
		free(run->items[i].drift);
		free(run->items[i].repaired);
	}
	free(run->items);
	free(run->turn);
	free(run->paths);
	free(run->file);
	dpkg_says_free(&run->says);
	apps_free(&run->apps);
}

const char *refreshed_name(enum refreshed_state state)
{
	static const char *const names[] = {"same", "repaired", "sleeps", "mixed", "fails", "left"};

	return names[state];
}

static bool is_late(const struct refresh *run)
{
	return run->until && clock_ms() > run->until;
}

static void finish_item(struct refresh_item *item, enum refreshed_state state, const char *why,
			const char *help)
{
	item->done = true;
	item->state = state;
	item->why = strdup(why);
	item->help = strdup(help);
	progress_step(1);
}

/* The fault could not be repaired: the disk is full, or the store lacks an object. */
static void finish_unrepaired(struct refresh_item *item, const char *why)
{
	char help[ERR_TEXT_MAX];

	snprintf(help, sizeof help,
		 "remove the cause, then run 'pinlib doctor --repair'; or 'pinlib unset %s' gives "
		 "it the system's libraries",
		 item->app->path);
	finish_item(item, REFRESH_FAILS, why, help);
}

/* Frozen libraries can be taken anew from the live system; other pins are somebody's choice. */
static void finish_failing(struct refresh_item *item, const char *why)
{
	const struct app *app = item->app;
	char help[ERR_TEXT_MAX], remedy[ERR_TEXT_MAX / 2];
	bool frozen = false;

	for (size_t i = 0; i < app->npins; i++)
		frozen |= app->pins[i].origin == PIN_FREEZE;
	snprintf(remedy, sizeof remedy,
		 frozen ? "'pinlib freeze %s' freezes the libraries that it loads now"
			: "'pinlib set --with-deps %s NAME=VERSION' pins the libraries that it "
			  "lacks",
		 app->path);
	snprintf(help, sizeof help,
		 "'pinlib check %s' prints all reasons; %s, and 'pinlib unset %s' gives it the "
		 "system's libraries",
		 app->path, remedy, app->path);
	finish_item(item, REFRESH_FAILS, why, help);
}

/* -- programs that cannot be wrapped -- */

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

static void put_to_sleep(struct refresh *run, struct refresh_item *item, int reason,
			 const char *why)
{
	const char *app = item->app->path;
	char help[ERR_TEXT_MAX];
	struct err err;

	item->news = was_awake(run, app);
	if (unwrap_app(run, app, &err) < 0) {
		finish_unrepaired(item, err.text);
		return;
	}
	snprintf(help, sizeof help,
		 "its pins wait until it can be wrapped again; 'pinlib unset %s' removes them%s",
		 app, reason == ELOOP ? ", and 'pinlib set' can pin the target of the link" : "");
	finish_item(item, REFRESH_SLEEPS, why, help);
}

/* -- programs that can -- */

/* Brings the stub, the plan and the layer up to date. */
static void repair_item(struct refresh *run, struct refresh_item *item, const char *wrong)
{
	const char *app = item->app->path;
	bool was_wrapped = wrap_present(app);
	struct err why, unrepaired;
	int r = transition_run(run->policy, run->store, app, &run->says, &why);

	if (r < 0) {
		err_set(&unrepaired, -r, "%s; pinlib cannot repair this: %s", wrong, why.text);
		finish_unrepaired(item, unrepaired.text);
	} else {
		item->repaired = strdup(
			was_wrapped ? wrong : "the program is back and has been wrapped again");
	}
}

/* Afterwards the app starts, with its pins, or sleeps. */
static void prepare_item(struct refresh *run, struct refresh_item *item)
{
	struct err why;
	int r = asleep_find(run->store, &run->apps, item->app, &run->says, &why);

	if (r > 0) {
		put_to_sleep(run, item, r, why.text);
		return;
	}
	if (r == 0)
		r = wrap_follow(item->app->path, &why);
	item->upgraded = r > 0;
	if (r < 0)
		finish_unrepaired(item, why.text);
	else if (drift_find_files(item->app, run->file, &why) < 0)
		repair_item(run, item, why.text);
}

static void prepare_items(struct refresh *run)
{
	for (size_t i = 0; i < run->count && !is_late(run); i++)
		prepare_item(run, &run->items[i]);
}

/* -- proofs, in children -- */

/* A child's answer is one of these and a sentence. */
enum { HOLDS = 'h', FAILS = 'f', DRIFTS = 'd', UNTESTED = 'u' };

static int find_drift(struct refresh *run, const struct app *app, struct err *err)
{
	return run->options->deep ? drift_find_deep(app, run->store, run->file, err)
				  : drift_find(app, run->store, run->file, err);
}

/* Whether the view in force holds on the system as it is now. */
static void prove_item(void *ctx, size_t number, FILE *answer)
{
	struct refresh *run = ctx;
	const struct refresh_item *item = &run->items[run->turn[number]];
	AUTO_VERDICT struct verdict v = {0};
	struct err err = {0};
	int r;

	if (!item->repaired && find_drift(run, item->app, &err) < 0) {
		fprintf(answer, "%c%s", DRIFTS, err.text);
		return;
	}
	r = item->app->forced ? 0 : verdict_reach_current(run->store, item->app, true, &v, &err);
	if (r < 0)
		fprintf(answer, "%c%s", UNTESTED, err.text);
	else if (v.against.count)
		fprintf(answer, "%c%s", FAILS, v.against.items[0]);
	else
		fprintf(answer, "%c", HOLDS);
}

/* Writes the list for the next refresh, in case this one is killed. */
static int record_left(struct refresh *run, struct err *err)
{
	AUTO_FREE char **paths = calloc(run->count + 1, sizeof *paths);
	struct strings left = {paths, 0};

	if (!paths)
		return err_nomem(err);
	for (size_t i = 0; i < run->count; i++)
		if (!run->items[i].done)
			left.items[left.count++] = run->items[i].app->path;
	run->recorded = clock_ms();
	return unrefreshed_write(&left, err);
}

static void take_proof(void *ctx, size_t number, const char *text, size_t len)
{
	struct refresh *run = ctx;
	struct refresh_item *item = &run->items[run->turn[number]];
	struct err ignored;

	item->proven = true;
	if (!text || len == 0)
		finish_unrepaired(item, "the process that tested its view was killed");
	else if (text[0] == HOLDS)
		finish_item(item, item->repaired ? REFRESH_REPAIRED : REFRESH_SAME,
			    item->repaired ? item->repaired : "", "");
	else if (text[0] == FAILS)
		finish_failing(item, text + 1);
	else if (text[0] == DRIFTS)
		item->drift = strdup(text + 1);
	else
		finish_unrepaired(item, text + 1);
	if (clock_ms() - run->recorded > RECORD_MS)
		record_left(run, &ignored);
}

/* Proves the views that no child has looked at, or that were repaired since. */
static int prove_items(struct refresh *run, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < run->count; i++)
		if (!run->items[i].done && !run->items[i].proven)
			run->turn[n++] = i;
	return n ? crew_run(n, run->until, prove_item, take_proof, run, err) : 0;
}

static void repair_drifts(struct refresh *run)
{
	for (size_t i = 0; i < run->count && !is_late(run); i++) {
		struct refresh_item *item = &run->items[i];

		if (!item->drift)
			continue;
		item->proven = false;
		repair_item(run, item, item->drift);
	}
}

/* -- programs that packages have replaced -- */

static void mix_item(struct refresh_item *item, const char *why)
{
	char help[ERR_TEXT_MAX];

	snprintf(help, sizeof help,
		 "its loader finds everything; 'pinlib unset %s' gives it the system's libraries, "
		 "if it does not work",
		 item->app->path);
	free(item->why);
	free(item->help);
	finish_item(item, REFRESH_MIXED, why, help);
}

/* Programs that work according to their loaders, and that now have siblings of other versions. */
static int mix_items(struct refresh *run, struct err *err)
{
	AUTO_FREE struct app *apps = calloc(run->count + 1, sizeof *apps);
	AUTO_FREE struct strings *of = calloc(run->count + 1, sizeof *of);
	AUTO_FREE struct refresh_item **items = calloc(run->count + 1, sizeof *items);
	size_t n = 0;
	int r;

	if (!apps || !of || !items)
		return err_nomem(err);
	for (size_t i = 0; i < run->count; i++) {
		struct refresh_item *item = &run->items[i];

		if (!item->done || !(item->upgraded || item->repaired) ||
		    (item->state != REFRESH_SAME && item->state != REFRESH_REPAIRED))
			continue;
		apps[n] = *item->app;
		items[n++] = item;
	}
	r = n ? siblings_find(run->store, &(struct apps){apps, n}, of, err) : 0;
	for (size_t i = 0; i < n; i++) {
		if (r == 0 && of[i].count)
			mix_item(items[i], of[i].items[0]);
		strings_free(&of[i]);
	}
	return r;
}

/* -- which apps -- */

static int compare_path(const void *path, const void *app)
{
	return strcmp(path, ((const struct app *)app)->path);
}

static void add_item(struct refresh *run, const struct app *app, bool *chosen)
{
	bool *mine = &chosen[app - run->apps.items];

	if (!*mine)
		run->items[run->count++].app = app;
	*mine = true;
}

/* The apps that an earlier refresh has left come first. */
static int choose_items(struct refresh *run, struct err *err)
{
	AUTO_STRINGS struct strings left = {0};
	AUTO_FREE bool *chosen = calloc(run->apps.count + 1, sizeof *chosen);
	bool all;
	int r = chosen ? unrefreshed_read(&left, &all, err) : err_nomem(err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < left.count; i++) {
		const struct app *app = bsearch(left.items[i], run->apps.items, run->apps.count,
						sizeof *run->apps.items, compare_path);
		if (app)
			add_item(run, app, chosen);
	}
	for (size_t i = 0; i < run->apps.count && (all || !run->options->due); i++)
		add_item(run, &run->apps.items[i], chosen);
	return 0;
}

static int begin_refresh(struct refresh *run, struct err *err)
{
	int r = policy_apps(run->policy, POLICY_NOW, &run->apps, err);

	if (r < 0)
		return r;
	run->file = malloc(sizeof *run->file);
	run->items = calloc(run->apps.count + 1, sizeof *run->items);
	run->turn = calloc(run->apps.count + 1, sizeof *run->turn);
	run->paths = calloc(run->apps.count + 1, sizeof *run->paths);
	if (!run->file || !run->items || !run->turn || !run->paths)
		return err_nomem(err);
	for (size_t i = 0; i < run->apps.count; i++)
		run->paths[i] = run->apps.items[i].path;
	run->says = DPKG_SAYS_OF(run->paths, run->apps.count);
	if (run->options->due)
		run->until = clock_ms() + REFRESH_SECONDS * 1000;
	r = choose_items(run, err);
	if (r == 0)
		r = record_left(run, err);
	return r < 0 ? r : unrefreshed_begun(err);
}

/* -- the whole -- */

static int compare_items(const void *a, const void *b)
{
	const struct refresh_item *x = a, *y = b;

	return x->app < y->app ? -1 : x->app > y->app;
}

static int report_items(struct refresh *run)
{
	int attention = 0;

	qsort(run->items, run->count, sizeof *run->items, compare_items);
	for (size_t i = 0; i < run->count; i++) {
		const struct refresh_item *item = &run->items[i];
		const struct refreshed what = {
			.app = item->app->path,
			.state = item->done ? item->state : REFRESH_LEFT,
			.news = item->news,
			.why = item->why ? item->why : "",
			.help = item->help ? item->help : "",
		};

		attention += what.state == REFRESH_FAILS || what.state == REFRESH_LEFT ||
			     (what.state == REFRESH_SLEEPS && what.news);
		run->options->report(run->options->ctx, &what);
	}
	return attention;
}

/* An error with one app does not keep the others from being refreshed. */
int refresh_apps(struct policy *policy, struct store *store, const struct refresh_options *options,
		 struct err *err)
{
	CLEANUP(refresh_free)
	struct refresh run = {.policy = policy, .store = store, .options = options};
	int attention, r = begin_refresh(&run, err);

	if (r == 0) /* before the children, which inherit the answer */
		r = drift_expect(&run.apps, err);
	if (r < 0)
		return r;
	progress_begin("refreshing programs", PROGRESS_ITEMS, run.count);
	prepare_items(&run);
	r = prove_items(&run, err);
	if (r == 0) {
		repair_drifts(&run);
		r = prove_items(&run, err);
	}
	progress_end();
	if (r == 0)
		r = mix_items(&run, err);
	if (r == 0)
		r = record_left(&run, err);
	if (r < 0)
		return r;
	attention = report_items(&run);
	directories_sweep(policy, err);
	units_update(policy, NULL, NULL);
	return attention;
}
