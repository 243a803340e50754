#include "freeze/freeze.h"

#include "base/caller.h"
#include "base/path.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "commands/explain.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "policy/caution.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Up to this number, files that are left out for one reason are named one by one. */
#define SAID_ONE_BY_ONE 3

static struct {
	bool with_libc, libraries, sealed, force;
	struct explanation why;
} given;

static const struct command_option options[] = {
	FLAG(&given.with_libc, "with-libc", "also glibc, which is left out otherwise"),
	FLAG(&given.libraries, "libraries",
	     "only the libraries: the program, its modules and its data follow upgrades"),
	FLAG(&given.sealed, "sealed",
	     "only the libraries, and APP becomes a sealed program, which names each by its "
	     "content (pinlib(7)); implies --libraries"),
	FLAG(&given.force, "force",
	     "even if the loader finds that APP would not work, or APP should not be pinned"),
	EXPLANATION_OPTIONS(&given.why),
	OPTION(NULL, "observe", ARG_FILE, "[--] [ARGUMENT...]",
	       "first run APP once with these arguments, as the user who called sudo or doas, and "
	       "also freeze the plugins and data that it and its children open",
	       .last = true),
	{0},
};

/* -- the observed run -- */

struct observed_run {
	const char *app;
	char **argv;
	struct caller caller;
};

static int start_app(void *ctx, struct err *err)
{
	const struct observed_run *run = ctx;
	int r;

	/* Standard output is for one JSON document. */
	if (want_json && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_sys(err, errno, "cannot use standard error");
	r = caller_become(&run->caller, err);
	if (r < 0)
		return r;
	execv(run->app, run->argv);
	return err_sys(err, errno, "cannot execute %s", run->app);
}

static void say_end(const char *app, const struct observation *o)
{
	if (WIFSIGNALED(o->status))
		warn("note: %s was killed by signal %d (%s)", app, WTERMSIG(o->status),
		     strsignal(WTERMSIG(o->status)));
	else if (WEXITSTATUS(o->status) != 0)
		warn("note: %s ended with exit status %d", app, WEXITSTATUS(o->status));
	if (o->run_on == 1)
		warn("note: 1 process of the program still runs: what it loads from now on is not "
		     "frozen");
	else if (o->run_on)
		warn("note: %zu processes of the program still run: what they load from now on is "
		     "not frozen",
		     o->run_on);
}

/* Without the lock: the program may run for as long as the user likes. */
static int observe_app(const char *app, struct observation *out, struct err *err)
{
	struct observed_run run = {.app = app, .argv = arguments_rest};
	int r = caller_find(&run.caller, err);

	if (r == 0)
		r = observation_run(start_app, &run, out, err);
	if (r == 0)
		say_end(app, out);
	return r;
}

/* -- the result -- */

static const char *state_of(const struct frozen *f)
{
	return !f->before ? "frozen" : f->changed ? "frozen again" : "as before";
}

static void print_frozen(struct table *t, const char *app, const struct frozen *f)
{
	char state[300];

	snprintf(state, sizeof state, "%s%s%s", state_of(f),
		 f->before && f->changed ? ", was " : "", f->before && f->changed ? f->before : "");
	table_row(t, (const char *[]){app, f->name, f->version, state});
	json_record("name %s version %s arch %s before %s changed %d", f->name, f->version, f->arch,
		    f->before, f->changed);
}

static void print_freezing(struct table *t, const char *app, const struct freezing *f,
			   const struct observation *seen, int64_t generation)
{
	json_open(NULL, '{');
	json_members("app %s generation %lld", app, (long long)generation);
	json_open("pins", '[');
	for (size_t i = 0; i < f->count; i++)
		print_frozen(t, app, &f->items[i]);
	json_close();
	json_open("left_out", '[');
	for (size_t i = 0; i < f->nleft; i++)
		json_record("path %s reason %s", f->left[i].path, f->left[i].why);
	json_close();
	if (seen)
		json_number("status", WIFSIGNALED(seen->status) ? 128 + WTERMSIG(seen->status)
								: WEXITSTATUS(seen->status));
	json_close();
}

/* One app is an object, as it was before freeze took several. */
static void print_all(const struct strings *apps, const struct freezing *results,
		      const struct observation *seen, int64_t generation)
{
	struct table *t = table_new(4);

	if (apps->count > 1)
		json_open(NULL, '[');
	for (size_t i = 0; i < apps->count; i++)
		print_freezing(t, apps->items[i], &results[i], seen, generation);
	if (apps->count > 1)
		json_close();
	table_print(t);
	print_line("generation %lld", (long long)generation);
}

/* -- the files that are left out -- */

static size_t count_left_out(const struct freezing *f, const char *why)
{
	size_t count = 0;

	for (size_t i = 0; i < f->nleft; i++)
		count += strcmp(f->left[i].why, why) == 0;
	return count;
}

static bool is_first_of_reason(const struct freezing *f, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (strcmp(f->left[i].why, f->left[number].why) == 0)
			return false;
	return true;
}

/* Reasons of many files get one line. glibc is left out unless --with-libc is given. */
static void say_left_out(const struct freezing *f)
{
	for (size_t i = 0; i < f->nleft; i++) {
		const char *path = f->left[i].path, *why = f->left[i].why;
		size_t count = count_left_out(f, why);

		if (strcmp(why, LEFT_OUT_GLIBC) != 0 && count <= SAID_ONE_BY_ONE)
			warn("note: left out: %s %s", path, why);
		else if (!is_first_of_reason(f, i))
			continue;
		else if (strcmp(why, LEFT_OUT_GLIBC) == 0)
			warn("note: left out: glibc (%zu file%s); --with-libc freezes it too",
			     count, count == 1 ? "" : "s");
		else
			warn("note: left out: %s and %zu more files: each %s", path, count - 1,
			     why);
	}
}

/* Without --sealed the program stays, too, with its modules and data, and only a view shows these. */
static int refuse_sealed(struct policy *policy, const struct strings *apps, struct err *err)
{
	for (size_t i = 0; i < apps->count; i++) {
		AUTO_APP struct app app = {0};
		int r = policy_app(policy, apps->items[i], POLICY_NOW, &app, err);

		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && app.sealed)
			return err_set(err, EEXIST,
				       "%s is sealed: give --sealed to freeze its libraries alone, "
				       "or first 'pinlib set --view %s'",
				       app.path, app.path);
	}
	return 0;
}

/* seen: by the observed run, or NULL. */
static int freeze_and_activate(const struct strings *apps, struct freezing *results,
			       const struct observation *seen, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	const struct freeze_options how = {
		.with_libc = given.with_libc, .libraries = given.libraries, .seen = seen};
	int r = session_begin(&session, err);

	if (r == 0 && !given.sealed)
		r = refuse_sealed(session.policy, apps, err);
	if (r < 0 || freeze_make(session.policy, session.store, apps, &how, results, err) < 0)
		return EXIT_ERR;
	for (size_t i = 0; i < apps->count && given.sealed && r == 0; i++)
		r = policy_seal(session.policy, apps->items[i], true, err);
	for (size_t i = 0; i < apps->count && r == 0; i++)
		r = explanation_apply(&given.why, session.policy, apps->items[i], err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < apps->count; i++)
		say_left_out(&results[i]);
	if (session_activate(&session, apps, given.force) != EXIT_OK)
		return EXIT_FAIL;
	print_all(apps, results, seen, session.generation);
	return EXIT_OK;
}

static int freeze_apps(const struct strings *apps, const struct observation *seen, struct err *err)
{
	struct freezing *results = calloc(apps->count + 1, sizeof *results);
	int r = results ? freeze_and_activate(apps, results, seen, err) : err_nomem(err);

	for (size_t i = 0; results && i < apps->count; i++)
		freezing_free(&results[i]);
	free(results);
	return r;
}

/* -- before anything is done -- */

static void say_unit(const struct unit_file *unit, const char *app)
{
	if (unit->confined)
		warn("note: %s starts %s, but its settings may keep the wrapper from building a "
		     "view: run "
		     "'pinlib unit %s' as well, and then restart it",
		     unit->name, app, unit->name);
	else
		warn("note: %s starts %s: restart it to run the frozen program", unit->name, app);
}

static int say_units(const struct strings *apps, struct err *err)
{
	AUTO_STRINGS struct strings names = {0};
	int r = unit_file_names(&names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		AUTO_UNIT_FILE struct unit_file unit = {0};
		struct err ignored;

		if (unit_file_read(names.items[i], &unit, &ignored) < 0 ||
		    strcmp(unit.name, names.items[i]) != 0) /* an alias */
			continue;
		for (size_t k = 0; k < apps->count; k++)
			if (unit_starts(&unit, apps->items[k]))
				say_unit(&unit, apps->items[k]);
	}
	return r;
}

/* Refuses programs that must not be frozen, before anything is done, and names services that need further steps. */
static int say_hard_cases(const struct strings *apps, struct err *err)
{
	for (size_t i = 0; i < apps->count; i++)
		if (wrap_fit(apps->items[i], true, err) == -EPERM)
			return -EPERM;
	return say_units(apps, err);
}

/* An upgrade leads /usr/bin/python3 to the next Python. */
static int say_links(char *const *names, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		char app[PATH_MAX];

		if (find_app(names[i], app, err) < 0)
			return -ENOENT;
		if (strcmp(path_base(names[i]), path_base(app)) != 0)
			warn("note: %s is a link to %s, the program that stays; an upgrade may "
			     "lead the link to another one: start %s, or keep the name with 'ln -s "
			     "%s /usr/local/bin/%s'",
			     names[i], app, path_base(app), app, path_base(names[i]));
	}
	return 0;
}

static int run_freeze(int count, char **operands, struct err *err)
{
	AUTO_OBSERVATION struct observation seen = {0};
	AUTO_STRINGS struct strings apps = {0};

	if (arguments_rest && count > 1)
		return misused("--observe runs one APP, not several");
	if (given.sealed && (given.with_libc || arguments_rest))
		return misused("--sealed does not go with %s: a sealed program takes glibc, "
			       "plugins and data from the live system",
			       given.with_libc ? "--with-libc" : "--observe");
	if (explanation_read(&given.why, err) < 0)
		return misused("%s", err->text);
	given.libraries |= given.sealed;
	if (find_apps(operands, (size_t)count, &apps, err) < 0 ||
	    caution_check(&apps, given.sealed ? &apps : NULL, given.force ? &apps : NULL,
			  warn_report, NULL, err) < 0 ||
	    say_hard_cases(&apps, err) < 0 || say_links(operands, (size_t)count, err) < 0)
		return EXIT_ERR;
	if (!arguments_rest)
		return freeze_apps(&apps, NULL, err);
	arguments_rest[0] = operands[0];
	if (observe_app(apps.items[0], &seen, err) < 0)
		return EXIT_ERR;
	return freeze_apps(&apps, &seen, err);
}

const struct command command_freeze = {
	.name = "freeze",
	.group = GROUP_PIN,
	.summary = "Pin programs with their libraries, modules and data of today",
	.text = "Later upgrades reach neither the program nor its libraries, modules and data. "
		"Pins that were set by "
		"hand stay. A program that is frozen again gets the files that are installed by "
		"then.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_APP, .repeats = true}},
	.json = true,
	.root = true,
	.run = run_freeze,
};
