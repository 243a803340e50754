#include "change/freeze.h"
#include "base/caller.h"
#include "base/strings.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "elf/elf.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct option options[] = {
	{"with-libc", no_argument, NULL, 'l'},
	{"force", no_argument, NULL, 'F'},
	{0},
};

struct request {
	bool with_libc, force;
	char *name;  /* the app, as it was typed */
	char **argv; /* of the run to observe, argv[0] included; NULL: none */
	const struct observation *seen;
};

/* -- the observed run -- */

struct run {
	const char *app;
	char **argv;
	struct caller caller;
};

static int start_app(void *ctx, struct err *err)
{
	const struct run *run = ctx;
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
		warn("note: %s was ended by signal %d (%s)", app, WTERMSIG(o->status),
		     strsignal(WTERMSIG(o->status)));
	else if (WEXITSTATUS(o->status) != 0)
		warn("note: %s ended with exit status %d", app, WEXITSTATUS(o->status));
	if (o->run_on)
		warn("note: %zu process%s that it started run on: what they load from now on is "
		     "not seen",
		     o->run_on, o->run_on == 1 ? "" : "es");
}

/* No lock is held meanwhile: it may take as long as the user likes. */
static int observe_app(const struct request *req, const char *app, struct observation *out,
		       struct err *err)
{
	struct run run = {.app = app, .argv = req->argv};
	int r = caller_find(&run.caller, err);

	if (r == 0)
		r = observation_run(start_app, &run, out, err);
	if (r == 0)
		say_end(app, out);
	return r;
}

/* -- what came of it -- */

static const char *state_of(const struct frozen *f)
{
	return !f->before ? "frozen" : f->changed ? "frozen anew" : "as before";
}

static void print_table(const char *app, const struct freezing *f, int64_t generation)
{
	struct table *t = table_new(4);

	for (size_t i = 0; i < f->count; i++) {
		const struct frozen *it = &f->items[i];
		char state[300];

		if (it->before && it->changed)
			snprintf(state, sizeof state, "%s, was %s", state_of(it), it->before);
		else
			snprintf(state, sizeof state, "%s", state_of(it));
		table_row(t, (const char *[]){app, it->name, it->version, state});
	}
	table_print(t);
	printf("generation %lld\n", (long long)generation);
}

static void print_json(const char *app, const struct freezing *f, const struct observation *seen,
		       int64_t generation)
{
	json_open(NULL, '{');
	json_string("app", app);
	json_number("generation", generation);
	json_open("pins", '[');
	for (size_t i = 0; i < f->count; i++) {
		json_open(NULL, '{');
		json_string("name", f->items[i].name);
		json_string("version", f->items[i].version);
		json_string("arch", f->items[i].arch);
		json_string("before", f->items[i].before);
		json_bool("changed", f->items[i].changed);
		json_close();
	}
	json_close();
	json_open("left_out", '[');
	for (size_t i = 0; i < f->nleft; i++) {
		json_open(NULL, '{');
		json_string("path", f->left[i].path);
		json_string("reason", f->left[i].why);
		json_close();
	}
	json_close();
	if (seen)
		json_number("status", WIFSIGNALED(seen->status) ? 128 + WTERMSIG(seen->status)
								: WEXITSTATUS(seen->status));
	json_close();
}

/* glibc is left out as a rule and known to be: one line for all of it. */
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

static int carry_out(const char *command, const char *app, const struct request *req)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_FREEZING struct freezing result = {0};
	struct strings paths = {.items = (char *[]){(char *)app}, .count = 1};
	const struct freeze_options how = {req->with_libc, req->seen, elf_facts};
	struct err err;
	int64_t generation = 0;

	if (session_begin(&session, &err) < 0 ||
	    freeze_make(session.policy, session.store, app, &how, &result, &err) < 0)
		return failed(&err);
	say_left_out(&result);
	if (session_activate(&session, &paths, command, req->force, &generation) != EXIT_OK)
		return EXIT_FAIL;
	if (want_json)
		print_json(app, &result, req->seen, generation);
	else
		print_table(app, &result, generation);
	return EXIT_OK;
}

/* Everything behind --observe is the app's: "--" may stand before it. argv[*argc] is where our own
 * arguments end. */
static char **take_arguments(int *argc, char **argv)
{
	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--observe") != 0)
			continue;
		*argc = i;
		/* The place before the app's arguments becomes its argv[0]. */
		return argv[i + 1] && strcmp(argv[i + 1], "--") == 0 ? argv + i + 1 : argv + i;
	}
	return NULL;
}

static int run(int argc, char **argv)
{
	struct request req = {0};
	AUTO_OBSERVATION struct observation seen = {0};
	char app[PATH_MAX], command[1024];
	struct err err;
	int c;

	command_line(argc, argv, command, sizeof command);
	req.argv = take_arguments(&argc, argv);
	while ((c = next_option(argc, argv, options)) != -1) {
		if (c == 'l')
			req.with_libc = true;
		else if (c == 'F')
			req.force = true;
		else
			return EXIT_USAGE;
	}
	if (optind >= argc)
		return misused(&command_freeze,
			       req.argv ? "which program? (before --observe)" : "which program?");
	if (argc - optind > 1)
		return misused(&command_freeze,
			       "'%s' is too much; arguments of the program go behind --observe",
			       argv[optind + 1]);
	req.name = argv[optind];
	if (find_app(req.name, app, &err) < 0)
		return failed(&err);
	if (req.argv) {
		req.argv[0] = req.name;
		if (observe_app(&req, app, &seen, &err) < 0)
			return failed(&err);
		req.seen = &seen;
	}
	return carry_out(command, app, &req);
}

const struct command command_freeze = {
	.name = "freeze",
	.synopsis = "[--with-libc] [--force] APP [--observe [--] [ARGUMENT...]]",
	.summary = "Pin everything that a program loads today",
	.options =
		"No later upgrade reaches what is frozen. Pins that were set by hand stay. Frozen\n"
		"again, a program gets what is installed by then.\n"
		"  --with-libc   glibc too, which is one piece and left out otherwise\n"
		"  --force       freeze it even if the loader is against it\n"
		"  --observe     first run APP with these arguments, as who called sudo or doas,\n"
		"                and freeze what it and its children load late, too: plugins, "
		"NSS,\n"
		"                gconv. Everything behind this option is APP's.\n",
	.root = true,
	.run = run,
};
