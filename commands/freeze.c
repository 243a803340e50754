#include "change/freeze.h"

#include "base/caller.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "policy/caution.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	bool with_libc, force;
} given;

static const struct command_option options[] = {
	FLAG(&given.with_libc, "with-libc", "also glibc, which is left out otherwise"),
	FLAG(&given.force, "force",
	     "even if the loader finds that APP would not work, or APP should not be pinned"),
	OPTION(NULL, "observe", ARG_FILE, "[--] [ARGUMENT...]",
	       "first run APP with these arguments, as the user who called sudo or doas, and also "
	       "freeze what it and its children load late: plugins, NSS, gconv",
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

static void print_freezing(const char *app, const struct freezing *f,
			   const struct observation *seen, int64_t generation)
{
	struct table *t = table_new(4);

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
	table_print(t);
	print_line("generation %lld", (long long)generation);
}

/* glibc is left out unless --with-libc is given: one line for all of its files. */
static void say_left_out(const struct freezing *f)
{
	size_t glibc = 0;

	for (size_t i = 0; i < f->nleft; i++)
		if (strcmp(f->left[i].why, "belongs to glibc") == 0)
			glibc++;
		else
			warn("note: left out: %s %s", f->left[i].path, f->left[i].why);
	if (glibc)
		warn("note: left out: glibc (%zu files); --with-libc freezes it too", glibc);
}

/* seen: by the observed run, or NULL. */
static int freeze_and_activate(const char *app, const struct observation *seen, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_FREEZING struct freezing result = {0};
	struct strings paths = {.items = (char *[]){(char *)app}, .count = 1};
	const struct freeze_options how = {given.with_libc, seen};

	if (session_begin(&session, err) < 0 ||
	    freeze_make(session.policy, session.store, app, &how, &result, err) < 0)
		return EXIT_ERR;
	say_left_out(&result);
	if (session_activate(&session, &paths, given.force) != EXIT_OK)
		return EXIT_FAIL;
	print_freezing(app, &result, seen, session.generation);
	return EXIT_OK;
}

static int run_freeze(int count, char **operands, struct err *err)
{
	AUTO_OBSERVATION struct observation seen = {0};
	char app[PATH_MAX];

	(void)count;
	if (find_app(operands[0], app, err) < 0 ||
	    caution_check_app(app, given.force, warn_report, NULL, err) < 0)
		return EXIT_ERR;
	if (!arguments_rest)
		return freeze_and_activate(app, NULL, err);
	arguments_rest[0] = operands[0];
	if (observe_app(app, &seen, err) < 0)
		return EXIT_ERR;
	return freeze_and_activate(app, &seen, err);
}

const struct command command_freeze = {
	.name = "freeze",
	.group = GROUP_PIN,
	.summary = "Pin everything that a program loads today",
	.text = "Later upgrades do not reach frozen libraries. Pins that were set by hand stay. A "
		"program that is frozen again gets the libraries that are installed by then.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_APP}},
	.json = true,
	.root = true,
	.run = run_freeze,
};
