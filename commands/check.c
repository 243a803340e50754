#include "base/caller.h"
#include "base/paths.h"
#include "base/progress.h"
#include "change/asleep.h"
#include "change/crew.h"
#include "cli/app.h"
#include "cli/arguments.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "policy/caution.h"
#include "policy/policy.h"
#include "policy/profile.h"
#include "store/store.h"
#include "upgrade/kept_run.h"
#include "upgrade/siblings.h"
#include "view/verdict.h"

#include <stdio.h>
#include <string.h>

static struct {
	bool every, run;
} given;

static const struct command_option options[] = {
	FLAG(&given.every, "all", "every program; this is the default"),
	FLAG(&given.run, "run",
	     "also run the commands that were kept for programs, and compare their output; "
	     "with COMMAND: run it now, and keep it with its output"),
	{0},
};

enum check_state { CHECK_HOLDS, CHECK_FAILS, CHECK_SLEEPS };

struct check_item {
	const struct app *app;
	const struct caution *caution;
	enum check_state state;
	struct strings against; /* also why it sleeps, and how the output of its command differs */
	struct strings remarks, effects;
	bool loads; /* the loader loads something for it */
	bool ran;   /* and the kept command had the same output */
};

struct checking {
	struct store *store;
	const struct apps *apps; /* all of them */
	struct check_item *items;
	size_t count;
	bool alone; /* an app was named */
};

static void checking_free(struct checking *c)
{
	for (size_t i = 0; i < c->count; i++) {
		strings_free(&c->items[i].against);
		strings_free(&c->items[i].remarks);
		strings_free(&c->items[i].effects);
	}
	free(c->items);
}

/* -- in a child of the crew -- */

/* An answer is a list of these and a text, each with a NUL behind it. */
enum { AGAINST = 'a', REMARK = 'r', EFFECT = 'e', ASLEEP = 's', LOADS = 'l' };

static void answer_text(FILE *answer, char kind, const char *text)
{
	fprintf(answer, "%c%s%c", kind, text, '\0');
}

static void answer_list(FILE *answer, char kind, const struct strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		answer_text(answer, kind, list->items[i]);
}

/* A view that cannot be tested does not work. */
static void examine_item(void *ctx, size_t number, FILE *answer)
{
	const struct checking *c = ctx;
	const struct check_item *item = &c->items[number];
	AUTO_VERDICT struct verdict v = {0};
	struct err why;
	int r = asleep_find(c->store, c->apps, item->app, NULL, &why);

	if (r > 0) {
		answer_text(answer, ASLEEP, why.text);
		return;
	}
	if (r == 0)
		r = verdict_reach_current(c->store, item->app, false, &v, &why);
	if (r < 0)
		answer_text(answer, AGAINST, why.text);
	answer_list(answer, AGAINST, &v.against);
	if (profile_changed(&item->app->confined, why.text))
		answer_text(answer, REMARK, why.text);
	answer_list(answer, REMARK, &v.remarks);
	answer_list(answer, EFFECT, &v.effects);
	if (v.proof.nloaded)
		answer_text(answer, LOADS, "");
}

/* -- in the caller -- */

static int take_text(struct check_item *item, const char *text, struct err *err)
{
	switch (text[0]) {
	case ASLEEP:
		item->state = CHECK_SLEEPS;
		return strings_add(&item->against, text + 1, err);
	case AGAINST:
		item->state = CHECK_FAILS;
		return strings_add(&item->against, text + 1, err);
	case REMARK:
		return strings_add(&item->remarks, text + 1, err);
	case EFFECT:
		return strings_add(&item->effects, text + 1, err);
	default:
		item->loads = true;
		return 0;
	}
}

static void take_check_answer(void *ctx, size_t number, const char *text, size_t len)
{
	struct checking *c = ctx;
	struct check_item *item = &c->items[number];
	struct err ignored;

	if (!text)
		take_text(item, "athe process that tested its view was killed", &ignored);
	for (const char *at = text; at && at < text + len; at += strlen(at) + 1)
		take_text(item, at, &ignored);
	if (item->caution)
		strings_addf(&item->remarks, &ignored, "%s; %s", item->caution->reason,
			     item->caution->remedy);
	progress_step(1);
}

/* -- the kept command -- */

static void fail_run(struct check_item *item, const char *text)
{
	struct err ignored;

	item->state = CHECK_FAILS;
	strings_add(&item->against, text, &ignored);
}

static void describe_difference(struct check_item *item, const struct kept_run *kept,
				const struct kept_run *now)
{
	AUTO_FREE char *before = NULL, *after = NULL;
	char text[2 * ERR_TEXT_MAX];
	size_t line = kept_run_difference(kept, now, &before, &after);

	if (kept->status != now->status)
		snprintf(text, sizeof text, "its command fails: exit status %d instead of %d%s%s",
			 now->status, kept->status, line ? ": " : "", line ? after : "");
	else if (line)
		snprintf(text, sizeof text,
			 "the output of its command differs: line %zu is \"%s\" instead of \"%s\"",
			 line, after, before);
	else
		snprintf(text, sizeof text,
			 "the output of its command differs after the first %u bytes",
			 KEPT_OUTPUT_MAX);
	fail_run(item, text);
}

/* 0 also where the command fails, or where none is kept and no app was named. */
static int repeat_run(const struct checking *c, struct check_item *item, struct err *err)
{
	AUTO_KEPT_RUN struct kept_run kept = {0}, now = {0};
	const char *app = item->app->path;
	struct err why;
	int r = kept_run_read(app, &kept, err);

	if (r == -ENOENT)
		return c->alone ? err_set(err, ENOENT,
					  "no command is kept for %s; 'pinlib check --run %s -- "
					  "COMMAND' keeps one",
					  app, app)
				: 0;
	if (r < 0)
		return r;
	r = kept_run_make(&kept.command, kept.user, &now, &why);
	if (r < 0)
		fail_run(item, why.text);
	else if (!kept_run_is_same(&kept, &now))
		describe_difference(item, &kept, &now);
	else
		item->ran = true;
	return 0;
}

static int repeat_runs(struct checking *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->count; i++)
		if (c->items[i].state == CHECK_HOLDS)
			r = repeat_run(c, &c->items[i], err);
	return r;
}

/* Twice: an output with the time of day, for example, could never be the same. */
static int keep_run(const char *app, char *const *words, struct err *err)
{
	AUTO_KEPT_RUN struct kept_run run = {0}, again = {0};
	AUTO_STRINGS struct strings command = {0};
	struct caller caller;
	int r = caller_find(&caller, err);

	for (size_t i = 0; r == 0 && words[i]; i++)
		r = strings_add(&command, words[i], err);
	if (r == 0 && command.count == 0)
		return misused("missing COMMAND");
	if (r == 0)
		r = kept_run_make(&command, caller.uid, &run, err);
	if (r == 0)
		r = kept_run_make(&command, caller.uid, &again, err);
	if (r == 0 && !kept_run_is_same(&run, &again))
		r = err_set(err, EINVAL,
			    "%s printed something else when it was run again; choose a command "
			    "that always prints the same",
			    command.items[0]);
	if (r == 0)
		r = kept_run_write(app, &run, err);
	if (r < 0)
		return r;
	json_record("app %s status %lld size %lld", app, (long long)run.status,
		    (long long)run.size);
	print_line("%s: kept: exit status %d, %llu byte%s of output", app, run.status,
		   (unsigned long long)run.size, run.size == 1 ? "" : "s");
	return EXIT_OK;
}

/* -- output -- */

static void json_item(const struct check_item *item)
{
	static const char *const names[] = {"ok", "fails", "sleeps"};

	json_open(NULL, '{');
	json_members("app %s state %s holds %d forced %d ran %d", item->app->path,
		     names[item->state], item->state == CHECK_HOLDS, item->app->forced, item->ran);
	json_strings("against", &item->against);
	json_strings("remarks", &item->remarks);
	json_strings("effects", &item->effects);
	json_close();
}

/* "ok" alone could mean more than was tested. */
static const char *state_text(const struct check_item *item)
{
	if (item->state != CHECK_HOLDS)
		return item->state == CHECK_SLEEPS ? "sleeps: " : "";
	if (item->ran)
		return "ok: its command has the same output";
	return item->app->npins == 0 ? "ok: it has no pins"
	       : item->loads	     ? "ok: its loader finds everything"
				     : "ok: it needs no loader";
}

/* One line for each app: the first reason against its view, or else the first pin without effect, and
 * how many others there are. */
static void print_first(const struct check_item *item)
{
	const struct strings *first = item->against.count ? &item->against : &item->effects;
	char more[48] = "", remarks[48] = "";

	if (first->count > 1)
		snprintf(more, sizeof more, " (and %zu more)", first->count - 1);
	if (item->remarks.count)
		snprintf(remarks, sizeof remarks, " [%zu remark%s]", item->remarks.count,
			 item->remarks.count > 1 ? "s" : "");
	print_line("%s: %s%s%s%s%s", item->app->path, state_text(item),
		   first == &item->effects && first->count ? ", but " : "",
		   first->count ? printable(first->items[0]) : "", more, remarks);
}

static void print_notes(const struct strings *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		print_line("  note: %s", printable(notes->items[i]));
}

/* All reasons and remarks, for an app that was named. */
static void print_whole(const struct check_item *item)
{
	if (item->against.count == 0)
		print_line("%s: %s", item->app->path, state_text(item));
	for (size_t i = 0; i < item->against.count; i++)
		print_line("%s: %s%s", item->app->path, state_text(item),
			   printable(item->against.items[i]));
	print_notes(&item->effects);
	print_notes(&item->remarks);
}

/* Whether all items hold. */
static bool print_items(const struct checking *c)
{
	bool all = true;

	json_open(NULL, '[');
	for (size_t i = 0; i < c->count; i++) {
		const struct check_item *item = &c->items[i];

		all &= item->state == CHECK_HOLDS;
		if (want_json)
			json_item(item);
		else if (c->alone)
			print_whole(item);
		else
			print_first(item);
	}
	json_close();
	return all;
}

/* -- the whole -- */

/* Adds remarks about programs whose loader finds everything, and which may fail all the same. */
static int find_siblings(struct checking *c, const struct apps *apps, struct err *err)
{
	AUTO_FREE struct strings *of = calloc(apps->count + 1, sizeof *of);
	int r = of ? siblings_find(c->store, apps, of, err) : err_nomem(err);

	for (size_t i = 0; of && i < apps->count; i++) {
		for (size_t k = 0; r == 0 && k < of[i].count; k++)
			if (c->items[i].state == CHECK_HOLDS)
				r = strings_add(&c->items[i].remarks, of[i].items[k], err);
		strings_free(&of[i]);
	}
	return r;
}

static int find_cautions(struct checking *c, struct cautions *cautions, const struct apps *apps,
			 struct err *err)
{
	AUTO_FREE const struct caution **of = calloc(apps->count + 1, sizeof *of);
	int r = of ? cautions_read(cautions, warn_report, NULL, err) : err_nomem(err);

	if (r == 0)
		r = cautions_find_pinned(cautions, apps, of, err);
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		c->items[i].caution = of[i];
	return r;
}

/* Checks some of all apps. 1: all of these hold. */
static int check_apps(struct store *store, const struct apps *all, const struct apps *some,
		      bool alone, struct err *err)
{
	AUTO_CAUTIONS struct cautions cautions = {0};
	CLEANUP(checking_free)
	struct checking c = {.store = store, .apps = all, .alone = alone};
	int r;

	c.items = calloc(some->count + 1, sizeof *c.items);
	if (!c.items)
		return err_nomem(err);
	for (; c.count < some->count; c.count++)
		c.items[c.count].app = &some->items[c.count];
	r = find_cautions(&c, &cautions, some, err);
	progress_begin("testing views", PROGRESS_ITEMS, c.count);
	if (r == 0 && c.count)
		r = crew_run(c.count, 0, examine_item, take_check_answer, &c, err);
	progress_end();
	if (r == 0)
		r = find_siblings(&c, some, err);
	if (r == 0 && given.run)
		r = repeat_runs(&c, err);
	progress_hide();
	return r < 0 ? r : print_items(&c);
}

static int check_one(struct store *store, const struct apps *apps, const char *name,
		     struct err *err)
{
	struct apps one = {NULL, 1};
	char path[PATH_MAX];
	int r = find_pinned(apps, name, path, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < apps->count; i++)
		if (strcmp(apps->items[i].path, path) == 0)
			one.items = &apps->items[i];
	if (!one.items)
		return err_set(err, ENOENT, "%s has no pins; 'pinlib set %s NAME=VERSION' adds one",
			       path, path);
	if (arguments_rest)
		return keep_run(path, arguments_rest + 1, err);
	r = check_apps(store, apps, &one, true, err);
	return r < 0 ? r : r ? EXIT_OK : EXIT_FAIL;
}

static int check_all(struct store *store, const struct apps *apps, struct err *err)
{
	int r = check_apps(store, apps, apps, false, err);

	return r < 0 ? r : r ? EXIT_OK : EXIT_FAIL;
}

static int run_check(int count, char **operands, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_STORE struct store *store = NULL;
	AUTO_APPS struct apps apps = {0};

	if (given.every && count > 0)
		return misused("--all does not go with APP");
	if (arguments_rest && (!given.run || count == 0))
		return misused("COMMAND goes with --run APP");
	if (geteuid() != 0)
		return err_set(err, EPERM,
			       "'pinlib check' must be run as root: it builds views to test them");
	progress_show();
	if (policy_open(&policy, err) < 0 || store_open(PINLIB_STORE, true, &store, err) < 0 ||
	    policy_apps(policy, POLICY_NOW, &apps, err) < 0)
		return EXIT_ERR;
	return count > 0 ? check_one(store, &apps, operands[0], err) : check_all(store, &apps, err);
}

const struct command command_check = {
	.name = "check",
	.group = GROUP_LOOK,
	.summary = "Test whether pinned programs still work",
	.text = "Builds each view in force on the live system as it is now, and asks its loader. "
		"Prints one line for each program, or all reasons for a single APP, and names pins "
		"without effect. The exit status is 1 if a program would not work, or sleeps. Only "
		"--run runs programs.\n"
		"A program whose loader finds everything may still refuse its data, or a library. "
		"'pinlib check --run APP -- COMMAND...' runs such a COMMAND now, as the user who "
		"called sudo or doas, and keeps its exit status and output. After an upgrade "
		"'pinlib check --run' runs it again and compares.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true},
		     {.name = "COMMAND",
		      .kind = ARG_COMMAND,
		      .optional = true,
		      .repeats = true,
		      .behind_dashes = true}},
	.json = true,
	.host = true,
	.run = run_check,
};
