#include "commands/try_scratch.h"

#include "base/exit.h"
#include "base/path.h"
#include "cli/command.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/size.h"
#include "ephemeral/attend.h"
#include "ephemeral/bring.h"
#include "ephemeral/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- the child -- */

/* Where the program will probably write: its directories, and the files that its arguments name. */
static int guess_wanted(const struct try_scratch *t, struct strings *wanted, struct err *err)
{
	const char *const dirs[] = {getenv("HOME"), getenv("TMPDIR"), "/tmp", "/var/tmp"};
	char cwd[PATH_MAX] = "/";
	int r = getcwd(cwd, sizeof cwd) ? strings_add(wanted, cwd, err) : 0;

	for (size_t i = 0; r == 0 && i < sizeof dirs / sizeof *dirs; i++)
		if (dirs[i] && *dirs[i] == '/')
			r = strings_add(wanted, dirs[i], err);
	for (char *const *arg = t->args; r == 0 && *arg; arg++) {
		const char *path = strchr(*arg, '/') ? *arg : NULL;

		/* --file=/srv/x and -f/srv/x name files, too. */
		if (path && strchr(path, '=') && strchr(path, '=') < strchr(path, '/'))
			path = strchr(path, '=') + 1;
		else if (path && *path == '-')
			path = strchr(path, '/');
		if (path && *path == '/')
			r = strings_add(wanted, path, err);
		else if (path)
			r = strings_addf(wanted, err, "%s/%s", cwd, path);
	}
	return r;
}

int try_scratch_enter(struct try_scratch *t, struct err *err)
{
	AUTO_STRINGS struct strings wanted = {0}, readonly = {0};
	int r = guess_wanted(t, &wanted, err);

	if (r == 0)
		r = tree_enter(&t->layer, &wanted, &readonly, err);
	if (r == 0 && geteuid() == 0)
		r = tree_seal(err);
	for (size_t i = 0; r == 0 && i < readonly.count; i++)
		warn("scratch: %s", readonly.items[i]);
	return r;
}

void try_scratch_ready(struct try_scratch *t)
{
	scratch_settle(&t->layer);
	/* Standard output is for the list of changes. */
	if (want_json)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	attend_child(&t->attendance, t->parent);
}

static void start_and_exit(struct try_scratch *t, struct err *err)
{
	int status = t->start(t->ctx, t, err);

	/* Only a program that was not started comes here. */
	t->layer.trees->failed = true;
	if (status < 0) {
		failed(err);
		status = EXIT_OWN;
	}
	snprintf(t->layer.trees->why, sizeof t->layer.trees->why, "%s", json_failure());
	fflush(NULL);
	_exit(status);
}

/* -- with the caller's rights -- */

typedef int step_fn(struct try_scratch *, int, struct err *);

/* Runs fn, whose document or error is printed there. */
static void run_and_exit(struct try_scratch *t, step_fn *fn, int value, struct err *err)
{
	int status = caller_become(t->caller, err);

	if (status == 0)
		status = fn(t, value, err);
	if (status < 0) {
		failed(err);
		status = EXIT_OWN;
	}
	json_end(status);
	fflush(NULL);
	_exit(status);
}

/* Runs fn as the user who called root's pinlib. prints: fn prints the command's document. */
static int as_caller(struct try_scratch *t, step_fn *fn, int value, bool prints, struct err *err)
{
	int status;
	pid_t pid;

	if (!t->caller->other)
		return fn(t, value, err);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process");
	if (pid == 0)
		run_and_exit(t, fn, value, err);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for a process");
	if (WIFEXITED(status) && (prints || WEXITSTATUS(status)))
		json_elsewhere();
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_OWN;
}

static int prepare_keep(struct try_scratch *t, int value, struct err *err)
{
	(void)value;
	return bring_prepare(t->keep, err);
}

static int drop_keep(struct try_scratch *t, int value, struct err *err)
{
	(void)value, (void)err;
	rmdir(t->keep);
	return 0;
}

/* -- the list -- */

static const char *const kinds[] = {
	[CHANGE_ADDED] = "added",
	[CHANGE_CHANGED] = "changed",
	[CHANGE_ATTRIBUTES] = "attributes",
	[CHANGE_REMOVED] = "removed",
};

static const char *type_of(const struct file_change *c)
{
	mode_t mode = c->kind == CHANGE_REMOVED ? c->before.st_mode : c->after.st_mode;

	if (S_ISREG(mode))
		return "file";
	if (S_ISDIR(mode))
		return "directory";
	return S_ISLNK(mode) ? "link" : "special";
}

static bool has_size(const struct stat *st)
{
	return S_ISREG(st->st_mode);
}

static void print_change(const struct file_change *c, const char *path)
{
	bool before = c->had && has_size(&c->before), after = has_size(&c->after);
	char was[32], is[32];

	human_size((uint64_t)c->before.st_size, was);
	human_size((uint64_t)c->after.st_size, is);
	if (before && after)
		warn("scratch: %-10s %s (%s, was %s)", kinds[c->kind], path, is, was);
	else if (before || after)
		warn("scratch: %-10s %s (%s)", kinds[c->kind], path, after ? is : was);
	else
		warn("scratch: %-10s %s (%s)", kinds[c->kind], path, type_of(c));
	json_open(NULL, '{');
	json_members("change %s path %s type %s", kinds[c->kind], path, type_of(c));
	if (before)
		json_number("before", c->before.st_size);
	if (after)
		json_number("after", c->after.st_size);
	json_close();
}

static int print_changes(const struct brought *b, struct err *err)
{
	int r = 0;

	if (b->changes->count == 0)
		warn("scratch: no changes");
	json_open("changes", '[');
	for (size_t i = 0; r == 0 && i < b->changes->count; i++) {
		char path[PATH_MAX];

		r = diff_path(b->scratch, &b->changes->items[i], path, err);
		if (r == 0)
			print_change(&b->changes->items[i], path);
	}
	json_close();
	return r;
}

/* -- keeping and applying -- */

/* True if all changes were brought over. */
static bool apply_changes(const struct try_scratch *t, const struct brought *b, int status)
{
	AUTO_STRINGS struct strings refused = {0};
	struct err err;
	size_t done = 0;
	int r = status ? err_set(&err, ECANCELED, "%s exited with %d", t->app, status)
		       : bring_check(b, &refused, &err);

	for (size_t i = 0; i < refused.count; i++)
		warn("scratch: %s", refused.items[i]);
	json_strings("refused", &refused);
	if (r == 0 && refused.count == 0)
		r = bring_over(b, &done, &err);
	else if (r == 0)
		r = err_set(&err, ESTALE, "%zu of %zu cannot be applied", refused.count,
			    b->changes->count);
	if (r < 0)
		warn("scratch: %zu of %zu changes %s applied: %s", done, b->changes->count,
		     done == 1 ? "was" : "were", err.text);
	else
		warn("scratch: all changes were applied");
	return r == 0;
}

/* Changes that could not be applied are not lost. */
static int keep_unapplied(const struct try_scratch *t, const struct brought *b, char *dir,
			  struct err *err)
{
	char parent[PATH_MAX];

	path_dir(t->layer.dir, parent);
	if (path_join(parent, "pinlib-kept-XXXXXX", dir, err) < 0 || !mkdtemp(dir))
		return err_sys(err, errno, "cannot make a directory in %s", parent);
	return bring_keep(b, dir, err);
}

static int settle_changes(const struct try_scratch *t, const struct brought *b, int status,
			  struct err *err)
{
	char dir[PATH_MAX] = "";
	bool applied = false;
	int r = t->keep ? bring_keep(b, t->keep, err) : 0;

	if (r == 0 && t->apply) {
		applied = apply_changes(t, b, status);
		if (!applied && !t->keep && b->changes->count)
			r = keep_unapplied(t, b, dir, err);
	}
	if (r < 0)
		return r;
	if (t->keep || *dir)
		warn("scratch: the changes are kept in %s", t->keep ? t->keep : dir);
	else if (!t->apply && b->changes->count)
		warn("scratch: the changes are discarded; --keep DIR keeps them, --apply applies "
		     "them");
	json_members("applied %d kept %s", applied, t->keep ? t->keep : *dir ? dir : NULL);
	return t->apply && !applied ? EXIT_OWN : EXIT_OK;
}

static int open_uppers(const struct scratch *s, int *uppers, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->trees->count; i++) {
		uppers[i] = -1;
		r = scratch_upper(s, i, &uppers[i], err);
	}
	return r;
}

static int *uppers;

static int report_changes(struct try_scratch *t, int status, struct err *err)
{
	AUTO_DIFF struct diff changes = {0};
	const struct brought brought = {&t->layer, uppers, &changes};
	int r = diff_read(&t->layer, uppers, &changes, err);

	if (r < 0)
		return r;
	json_open(NULL, '{');
	json_members("app %s status %lld", t->app, (long long)status);
	r = print_changes(&brought, err);
	if (r == 0)
		r = settle_changes(t, &brought, status, err);
	json_close();
	return r;
}

/* If the disk is full, for example, the scratch layer is all that there is of the changes. */
static int report(struct try_scratch *t, int status, struct err *err)
{
	int r = report_changes(t, status, err);

	t->layer.trees->unsaved = r < 0 && (t->keep || t->apply);
	return r;
}

static int finish(struct try_scratch *t, int status, struct err *err)
{
	int r;

	uppers = calloc(t->layer.trees->count + 1, sizeof *uppers);
	if (!uppers)
		return err_nomem(err);
	r = open_uppers(&t->layer, uppers, err);
	if (r == 0)
		r = as_caller(t, report, status, true, err);
	free(uppers);
	return r;
}

static void say_left(void)
{
	warn("scratch: the program has ended and left processes behind; waiting for them "
	     "(Ctrl-C ends them)");
}

static int run_child(struct try_scratch *t, struct err *err)
{
	pid_t pid;
	int r = attend_begin(&t->attendance, err);

	if (r < 0)
		return r;
	t->parent = getpid();
	warn("scratch: files are isolated; sockets, devices, the network and processes are not");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process");
	if (pid == 0)
		start_and_exit(t, err);
	return attend_wait(&t->attendance, pid, say_left, err);
}

int try_scratch_run(struct try_scratch *t, struct err *err)
{
	struct err ignored;
	int r = t->keep ? as_caller(t, prepare_keep, 0, false, err) : 0, status;

	if (r != 0)
		return r;
	r = scratch_make(&t->layer, t->caller->other, err);
	status = r < 0 ? r : run_child(t, err);
	if (status >= 0 && !t->layer.trees->failed) {
		r = finish(t, status, err);
		if (r < 0 || r == EXIT_OWN)
			status = r;
	} else if (t->keep) {
		as_caller(t, drop_keep, 0, false, &ignored);
	}
	if (t->layer.trees && t->layer.trees->failed && t->layer.trees->why[0])
		json_fail(t->layer.trees->why);
	if (t->layer.trees && t->layer.trees->unsaved)
		warn("scratch: the changes stay in %s, below the directories named 'upper'",
		     t->layer.dir);
	else if (t->layer.fd >= 0 && scratch_delete(&t->layer, &ignored) < 0)
		warn("%s", ignored.text);
	scratch_free(&t->layer);
	return status;
}
