#include "base/strings.h"
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "base/reach.h"
#include "change/activation.h"
#include "change/pending.h"
#include "change/recovery.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "host/mounted.h"
#include "loader/program.h"
#include "policy/lock.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every command; dispatch and help come from here. */
static const struct command *const commands[] = {
	&command_add,	   &command_libs,    &command_set,	&command_unset,	 &command_show,
	&command_list,	   &command_history, &command_rollback, &command_exec,	 &command_verify,
	&command_gc,	   &command_ps,	     &command_label,	&command_deps,	 &command_check,
	&command_why,	   &command_freeze,  &command_thaw,	&command_try,	 &command_doctor,
	&command_complete, &command_refresh, &command_apply,	&command_export, &command_import,
	&command_keep,	   &command_watch,   &command_unit,	&command_stage,	 &command_forecast,
};
#define COMMANDS (sizeof commands / sizeof *commands)

bool want_json;
static const struct command *current;

const struct command *command_at(size_t i)
{
	return i < COMMANDS ? commands[i] : NULL;
}

/* A message is one line, whatever the names in it hold. */
static void say(const char *before, const char *text)
{
	AUTO_FREE char *copy = strdup(text);

	fprintf(stderr, "%s%s\n", before, copy ? printable(copy) : "out of memory");
}

int failed(const struct err *err)
{
	progress_hide();
	fflush(stdout);
	say("pinlib: ", err->text);
	return EXIT_FAIL;
}

void warn(const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	progress_hide();
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	fprintf(stderr, "pinlib: %s\n", text ? printable(text) : fmt);
}

static void usage(const struct command *c)
{
	fprintf(stderr, "Usage: pinlib %s %s\n", c->name, c->synopsis);
}

int misused(const struct command *command, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	fprintf(stderr, "pinlib %s: %s\n", command->name, text ? printable(text) : fmt);
	usage(command);
	return EXIT_USAGE;
}

static void help_all(FILE *out)
{
	fputs("Usage: pinlib [--json] COMMAND [ARGUMENTS]\n"
	      "Pin library versions for single programs.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!commands[i]->hidden)
			fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'pinlib help COMMAND' says more; the manual is pinlib(1).\n", out);
}

static void help_one(const struct command *c)
{
	printf("Usage: pinlib %s %s\n%s.\n", c->name, c->synopsis, c->summary);
	if (c->options)
		printf("\n%s", c->options);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	fprintf(stderr, "pinlib: there is no command '%s'; 'pinlib --help' lists them\n", name);
	return EXIT_USAGE;
}

int next_option(int argc, char **argv, const struct option *options)
{
	struct option all[16] = {{"json", no_argument, NULL, 'J'},
				 {"help", no_argument, NULL, 'H'}};
	size_t n = 2;
	int c;

	for (; options && options->name && n + 1 < sizeof all / sizeof *all; options++)
		all[n++] = *options;
	for (;;) {
		c = getopt_long(argc, argv, current->letters ? current->letters : "", all, NULL);
		if (c == 'J') {
			want_json = true;
		} else if (c == 'H') {
			help_one(current);
			exit(EXIT_OK);
		} else {
			if (c == '?') /* getopt has said which option */
				usage(current);
			return c;
		}
	}
}

void command_line(int argc, char **argv, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < argc && used < size; i++) {
		int n = snprintf(text + used, size - used, "%s%s", i ? " " : "", argv[i]);

		if (n < 0)
			return;
		used += (size_t)n;
	}
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

/* The file in PATH that a shell would run; PATH may be poor under sudo, so the usual directories
 * come after it. If nothing there can be run, the first that has the name: why it cannot be pinned
 * is said later. */
static int find_in_path(const char *name, char out[PATH_MAX], struct err *err)
{
	const char *path = getenv("PATH");
	AUTO_FREE char *all = NULL;

	if (asprintf(&all, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
		     path ? path : "") < 0) {
		all = NULL;
		return err_nomem(err);
	}
	out[0] = '\0';
	for (char *save, *dir = strtok_r(all, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		char at[PATH_MAX];
		int n = snprintf(at, sizeof at, "%s/%s", dir, name);

		if (n < 0 || n >= PATH_MAX || access(at, F_OK) != 0)
			continue;
		if (!out[0] || is_program(at))
			snprintf(out, PATH_MAX, "%s", at);
		if (is_program(at))
			return 0;
	}
	return out[0] ? 0
		      : err_set(err, ENOENT, "there is no program '%s' in PATH; give its full path",
				name);
}

int find_app(const char *name, char app[PATH_MAX], struct err *err)
{
	char found[PATH_MAX];
	int r;

	if (!*name)
		return err_set(err, EINVAL, "the name of the program is empty");
	if (!strchr(name, '/')) {
		r = find_in_path(name, found, err);
		if (r < 0)
			return r;
		name = found;
	}
	/* What changes things does so under the lock, and waits for no user's file system. */
	r = current->root ? reach_allowed(name, err) : 0;
	if (r == 0)
		r = program_canonical(name, app, err);
	if (r == 0 && strcmp(app, PINLIB_WRAPPER) == 0)
		return err_set(err, EINVAL, "%s is pinlib's own wrapper", app);
	return r;
}

int take_lock(int *lock, void (*waited)(void), struct err *err)
{
	int r = policy_lock(lock, waited, err);

	if (r == 0)
		terminal_hold(*lock);
	return r;
}

void drop_lock(int *lock)
{
	if (*lock >= 0)
		terminal_let_go(lock);
}

static void say_waiting(void)
{
	warn("waiting for another pinlib command to finish");
}

/* What an interrupted command left. The policy is not opened where there is nothing. */
static int recover(struct store *store, struct err *err)
{
	AUTO_POLICY struct policy *committed = NULL;
	AUTO_STRINGS struct strings pending = {0};
	struct err why;
	int r;

	if (pending_read(&pending, &why) == 0 && pending.count == 0)
		return 0;
	r = policy_open(&committed, err);
	if (r < 0)
		return r;
	if (recovery_run(committed, store, &why) < 0)
		warn("an earlier command was interrupted: %s", why.text);
	return 0;
}

int session_begin_store(struct session *s, struct err *err)
{
	struct err why;
	int r;

	*s = (struct session){.lock = -1};
	r = take_lock(&s->lock, say_waiting, err);
	if (r == 0)
		r = store_open(PINLIB_STORE, true, &s->store, err);
	if (r == 0 && store_sweep(s->store, &why) < 0)
		warn("cannot remove what an interrupted command left: %s", why.text);
	if (r == 0)
		r = recover(s->store, err);
	return r;
}

int session_begin(struct session *s, struct err *err)
{
	int r = session_begin_store(s, err);

	return r < 0 ? r : policy_begin(&s->policy, err);
}

/* What is said of a view is kept until it is known whether it is a warning or a reason. */
static void keep(void *ctx, const char *what)
{
	FILE *f = ctx;

	fprintf(f, "%s%c", what, '\0');
}

static void say_kept(const char *text, size_t len, const char *before)
{
	for (const char *at = text; at < text + len; at += strlen(at) + 1)
		say(before, at);
}

int session_activate(struct session *s, const struct strings *paths, const char *command,
		     bool force, int64_t *generation)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	struct err err;
	FILE *f = open_memstream(&text, &len);
	struct activation_options how = {.force = force, .report = keep, .ctx = f};
	int r;

	if (!f)
		return failed((err_nomem(&err), &err));
	r = activation_run(s->policy, s->store, paths, command, &how, generation, &err);
	if (fclose(f) != 0)
		len = 0;
	if (r < 0)
		failed(&err);
	say_kept(text, len, r < 0 ? "  also: " : "pinlib: note: ");
	if (r == -ECANCELED)
		fprintf(stderr, "  nothing was changed; --force sets it all the same\n");
	return r < 0 ? EXIT_FAIL : EXIT_OK;
}

void session_end(struct session *s)
{
	policy_close(&s->policy);
	store_close(&s->store);
	drop_lock(&s->lock);
}

/* In a view pinned files stand where the live system's should: what is decided about the live
 * system has to be decided outside. The wrapper can lead out. */
static int leave_view(char **argv, struct err *err)
{
	char **args;
	int argc = 0, r = mounted_in_view(err);

	if (r <= 0)
		return r;
	if (getenv("PINLIB_LEFT_VIEW"))
		return err_set(err, EPERM, "this is a view, and %s does not lead out of it",
			       PINLIB_WRAPPER);
	while (argv[argc])
		argc++;
	args = calloc((size_t)argc + 4, sizeof *args);
	if (!args)
		return err_nomem(err);
	args[0] = (char *)PINLIB_WRAPPER;
	args[1] = (char *)"--host";
	args[2] = (char *)"--";
	memcpy(args + 3, argv, (size_t)argc * sizeof *args);
	setenv("PINLIB_LEFT_VIEW", "1", 1);
	execv(PINLIB_WRAPPER, args);
	r = err_sys(err, errno, "cannot leave the view with %s", PINLIB_WRAPPER);
	free(args);
	return r;
}

static int dispatch(const struct command *c, int argc, char **argv, char **all)
{
	struct err err;
	int status;

	current = c;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0 && c != &command_exec; i++)
		if (strcmp(argv[i], "--help") == 0) {
			help_one(c);
			return EXIT_OK;
		}
	if (c->root && geteuid() != 0) {
		err_set(&err, EPERM, "'pinlib %s' is for root: run it as root", c->name);
		return failed(&err);
	}
	if ((c->root || c->host) && leave_view(all, &err) < 0)
		return failed(&err);
	status = c->run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout) || terminal_failed()) {
		err_sys(&err, terminal_failed() ? terminal_failed() : errno,
			"cannot write to standard output");
		return failed(&err);
	}
	return status;
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		help_all(stdout);
		return EXIT_OK;
	}
	c = find_command(argv[1]);
	if (!c)
		return unknown(argv[1]);
	help_one(c);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *c;
	int at = 1;

	terminal_guard();
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (strcmp(argv[at], "--json") == 0) {
			want_json = true;
		} else if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
			help_all(stdout);
			return EXIT_OK;
		} else if (strcmp(argv[at], "--version") == 0) {
			puts("pinlib " PINLIB_VERSION);
			return EXIT_OK;
		} else {
			fprintf(stderr, "pinlib: there is no option '%s'\n", argv[at]);
			help_all(stderr);
			return EXIT_USAGE;
		}
	}
	if (at >= argc) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[at], "help") == 0)
		return help(argc - at, argv + at);
	c = find_command(argv[at]);
	if (!c)
		return unknown(argv[at]);
	return dispatch(c, argc - at, argv + at, argv);
}
