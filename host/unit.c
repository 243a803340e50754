#include "host/unit.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/run.h"
#include "host/unit_view.h"
#include "loader/program.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DROP_IN_MAX (64u * 1024)

static const char first_line[] =
	"# Made by 'pinlib unit', which keeps it up to date; the view of\n";

/* -- the app -- */

/* systemd looks for a program without a path in these directories, see systemd.exec(5). */
static bool find_unit_program(const char *name, char out[PATH_MAX])
{
	static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					   "/usr/bin"};

	if (name[0] == '/') {
		snprintf(out, PATH_MAX, "%s", name);
		return true;
	}
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		struct err ignored;

		if (path_join(dirs[i], name, out, &ignored) == 0 && access(out, X_OK) == 0)
			return true;
	}
	return false;
}

int unit_fit(const struct unit_file *unit, struct err *err)
{
	if (unit->root_directory || unit->root_image)
		return err_set(err, EINVAL,
			       "%s has a root directory of its own (RootDirectory= or RootImage=), "
			       "where it "
			       "sees no library of this system",
			       unit->name);
	if (unit->privileged)
		return err_set(
			err, EINVAL,
			"%s starts its program with full privileges (ExecStart=+), and needs "
			"no drop-in: the wrapper works there",
			unit->name);
	return 0;
}

int unit_app(struct policy *policy, const struct unit_file *unit, char app[PATH_MAX],
	     struct err *err)
{
	int r = unit_fit(unit, err);
	const char *last = "nothing";

	app[0] = '\0';
	for (size_t i = 0; r == 0 && i < unit->programs.count; i++) {
		char path[PATH_MAX], program[PATH_MAX];
		AUTO_APP struct app found = {0};

		last = unit->programs.items[i];
		if (!find_unit_program(last, program) || program_canonical(program, path, err) < 0)
			continue;
		r = policy_app(policy, path, POLICY_NOW, &found, err);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r == 0 && app[0] && strcmp(app, path) != 0)
			return err_set(
				err, EINVAL,
				"%s starts several pinned programs (%s, %s); choose one with "
				"--app",
				unit->name, app, path);
		if (r == 0)
			snprintf(app, PATH_MAX, "%s", path);
	}
	if (r == 0 && !app[0])
		return err_set(
			err, ENOENT,
			"%s starts %s, which has no pins; set some with 'pinlib set', or name "
			"a pinned program with --app",
			unit->name, last);
	return r;
}

bool unit_starts(const struct unit_file *unit, const char *app)
{
	for (size_t i = 0; i < unit->programs.count; i++) {
		char program[PATH_MAX], path[PATH_MAX];
		struct err ignored;

		if (find_unit_program(unit->programs.items[i], program) &&
		    program_canonical(program, path, &ignored) == 0 && strcmp(path, app) == 0)
			return true;
	}
	return false;
}

/* -- the text -- */

/* A drop-in has the path in several settings; in none of them may a character be special. */
static int refuse_special(const char *path, struct err *err)
{
	for (const char *p = path; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("/._+-@,=~", *p))
			return err_set(err, EINVAL,
				       "%s has characters that are special in a systemd unit",
				       path);
	return 0;
}

/* The directories that systemd binds: the covered ones, and the program's own unless it is below
 * one of them. Returns how many. */
static size_t list_dirs(const struct plan *plan, char home[PATH_MAX],
			const char *dirs[UNIT_VIEW_DIRS_MAX])
{
	size_t n = 0;
	bool covered = false;

	path_dir(plan->app, home);
	for (size_t i = 0; i < plan->ncovers; i++) {
		covered |= path_below(home, plan->covers[i].target);
		dirs[n++] = plan->covers[i].target;
	}
	if (!covered)
		dirs[n++] = home;
	return n;
}

int unit_text(const char *app, const struct plan *plan, char **text, struct err *err)
{
	const char *dirs[UNIT_VIEW_DIRS_MAX];
	char home[PATH_MAX];
	size_t n = list_dirs(plan, home, dirs), len;
	int r = refuse_special(app, err);
	FILE *f;

	if (r == 0 && strcmp(home, "/") == 0)
		return err_set(err, EINVAL,
			       "%s is in the root directory, which systemd cannot bind", app);
	if (r == 0 && plan->filter)
		return err_set(
			err, ENOTSUP,
			"%s is confined, and only the wrapper loads its system-call filter; run "
			"'pinlib set --confine none %s', and set SystemCallFilter= in the unit",
			app, app);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = refuse_special(dirs[i], err);
	if (r < 0)
		return r;
	f = open_memstream(text, &len);
	if (!f)
		return err_nomem(err);
	fprintf(f, "%s# %s\n[Service]\nExecCondition=+%s stage %%n %s", first_line, app,
		PINLIB_COMMAND, app);
	for (size_t i = 0; i < n; i++)
		fprintf(f, " %s", dirs[i]);
	fputc('\n', f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "BindReadOnlyPaths=-%s/%%n/%zu:%s\n", PINLIB_UNITS, i, dirs[i]);
	fprintf(f, "NoNewPrivileges=yes\nExecStopPost=+%s stage --end %%n\n", PINLIB_COMMAND);
	return fclose(f) == 0 ? 0 : err_nomem(err);
}

/* -- the file -- */

void unit_path(const char *unit, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s.d/%s", PINLIB_UNIT_FILES, unit, UNIT_DROP_IN);
}

/* -EEXIST: the file is not pinlib's; -ENOENT: there is none. */
static int read_drop_in(const char *unit, char **text, struct err *err)
{
	char path[PATH_MAX];
	size_t len;
	int r;

	unit_path(unit, path);
	r = file_read_at(AT_FDCWD, path, DROP_IN_MAX, text, &len, err);
	if (r < 0)
		return r;
	return strncmp(*text, first_line, strlen(first_line)) == 0
		       ? 0
		       : err_set(err, EEXIST, "%s was not made by pinlib; move it away", path);
}

int unit_write(const char *unit, const char *text, struct err *err)
{
	AUTO_FREE char *old = NULL;
	char path[PATH_MAX], dir[PATH_MAX];
	int r = read_drop_in(unit, &old, err);

	if (r < 0 && r != -ENOENT)
		return r;
	unit_path(unit, path);
	path_dir(path, dir);
	r = file_mkdirs(dir, err);
	return r < 0 ? r : file_publish(AT_FDCWD, path, text, strlen(text), 0644, err);
}

/* A template has a view for each instance, which goes when the instance ends. */
int unit_remove(const char *unit, struct err *err)
{
	AUTO_FREE char *old = NULL;
	char path[PATH_MAX], dir[PATH_MAX];
	struct err ignored;
	int r = read_drop_in(unit, &old, err);

	if (r == -ENOENT)
		return err_set(err, ENOENT, "%s has no drop-in of pinlib", unit);
	if (r < 0)
		return r;
	unit_path(unit, path);
	if (unlink(path) < 0)
		return err_sys(err, errno, "cannot remove %s", path);
	r = file_sync_parent(AT_FDCWD, path, err);
	path_dir(path, dir);
	rmdir(dir); /* unless others have drop-ins there */
	unit_view_clear(unit, &ignored);
	return r;
}

int unit_reload(struct err *err)
{
	const char *const argv[] = {"systemctl", "daemon-reload", NULL};
	int status;

	if (access("/run/systemd/system", F_OK) < 0) /* sd_booted(3) */
		return 0;
	status = run_read(argv, NULL, 4096, NULL, err);
	if (status < 0)
		return status;
	return status == 0 ? 1
			   : err_set(err, EIO, "systemctl daemon-reload failed with exit status %d",
				     status);
}

/* -- all drop-ins -- */

void units_free(struct unit_drop_ins *drop_ins)
{
	free(drop_ins->items);
	*drop_ins = (struct unit_drop_ins){0};
}

static int compare_units(const void *a, const void *b)
{
	const struct unit_drop_in *x = a, *y = b;

	return strcmp(x->unit, y->unit);
}

static int add_drop_in(void *ctx, const char *dir, struct err *err)
{
	struct unit_drop_ins *all = ctx;
	AUTO_FREE char *text = NULL;
	struct unit_drop_in *more, one = {0};
	struct err ignored;
	size_t len = strlen(dir) - strlen(".d");
	const char *app;

	snprintf(one.unit, sizeof one.unit, "%.*s", (int)len, dir);
	if (read_drop_in(one.unit, &text, &ignored) < 0)
		return 0;
	app = text + strlen(first_line);
	if (strncmp(app, "# /", 3) == 0)
		snprintf(one.app, sizeof one.app, "%.*s", (int)strcspn(app + 2, "\n"), app + 2);
	more = reallocarray(all->items, all->count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	all->items = more;
	more[all->count++] = one;
	return 0;
}

/* Calls each with the name of every directory of drop-ins for a service, UNIT.d. */
static int each_unit_dir(int (*each)(void *ctx, const char *dir, struct err *err), void *ctx,
			 struct err *err)
{
	static const char suffix[] = ".service.d";
	AUTO_DIR DIR *d = opendir(PINLIB_UNIT_FILES);
	struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0
				       : err_sys(err, errno, "cannot read %s", PINLIB_UNIT_FILES);
	for (errno = 0; r == 0 && (e = readdir(d)); errno = 0) {
		size_t len = strlen(e->d_name);

		if (len > strlen(suffix) && strcmp(e->d_name + len - strlen(suffix), suffix) == 0)
			r = each(ctx, e->d_name, err);
	}
	return r == 0 && errno ? err_sys(err, errno, "cannot read %s", PINLIB_UNIT_FILES) : r;
}

int units_list(struct unit_drop_ins *out, struct err *err)
{
	int r;

	*out = (struct unit_drop_ins){0};
	r = each_unit_dir(add_drop_in, out, err);
	if (r < 0)
		units_free(out);
	else if (out->count)
		qsort(out->items, out->count, sizeof *out->items, compare_units);
	return r;
}

static int sweep_dir(void *ctx, const char *dir, struct err *err)
{
	char path[PATH_MAX];
	int r;

	(void)ctx;
	r = path_join(PINLIB_UNIT_FILES, dir, path, err);
	if (r == 0)
		r = file_sweep(path, err);
	return r == -ENOTDIR ? 0 : r;
}

int units_sweep(struct err *err)
{
	return each_unit_dir(sweep_dir, NULL, err);
}

enum unit_update { UNIT_KEEP, UNIT_WRITE, UNIT_REMOVE };

/* What the drop-in needs; for UNIT_WRITE *text is its new text. The pins of an app without a plan
 * sleep: its program is gone, for example, and may come back. */
static int find_update(struct policy *policy, const struct unit_drop_in *u,
		       enum unit_update *update, char **text, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	AUTO_FREE char *old = NULL;
	AUTO_APP struct app app = {0};
	int r;

	*update = UNIT_KEEP;
	if (!file)
		return err_nomem(err);
	r = policy_app(policy, u->app, POLICY_NOW, &app, err);
	if (r == -ENOENT || (r == 0 && app.sealed)) { /* a sealed program has no view */
		*update = UNIT_REMOVE;
		return 0;
	}
	if (r == 0)
		r = plan_load(PINLIB_PLANS, u->app, 0, file, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = unit_text(u->app, &file->plan, text, err);
	if (r == 0)
		r = read_drop_in(u->unit, &old, err);
	if (r == 0 && strcmp(old, *text) != 0)
		*update = UNIT_WRITE;
	return r;
}

int unit_check(struct policy *policy, const struct unit_drop_in *u, struct err *err)
{
	AUTO_FREE char *text = NULL;
	enum unit_update update;
	int r = find_update(policy, u, &update, &text, err);

	if (r < 0)
		return r;
	if (update == UNIT_REMOVE)
		return err_set(err, ENOENT,
			       "the drop-in of %s is for the view of %s, which has no pins",
			       u->unit, u->app);
	if (update == UNIT_WRITE)
		return err_set(err, ESTALE, "the drop-in of %s is out of date for %s", u->unit,
			       u->app);
	return 0;
}

struct units_run {
	report_fn *report;
	void *ctx;
	bool changed, failed;
};

__attribute__((format(printf, 2, 3))) static void report_update(struct units_run *f,
								const char *fmt, ...)
{
	char text[2 * ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (f->report)
		f->report(f->ctx, text);
}

static void update_unit(struct policy *policy, const struct unit_drop_in *u, struct units_run *f)
{
	AUTO_FREE char *text = NULL;
	enum unit_update update;
	struct err err;
	int r = find_update(policy, u, &update, &text, &err);

	if (r == 0 && update == UNIT_WRITE)
		r = unit_write(u->unit, text, &err);
	else if (r == 0 && update == UNIT_REMOVE)
		r = unit_remove(u->unit, &err);
	if (r < 0) {
		report_update(f, "%s: %s", u->unit, err.text);
		f->failed |= r != -ENOTSUP; /* the policy has a filter, and wants no drop-in */
	}
	if (r < 0 || update == UNIT_KEEP)
		return;
	f->changed = true;
	report_update(f,
		      update == UNIT_WRITE ? "%s: its drop-in was updated for the view of %s"
					   : "%s: its drop-in was removed, since %s has no pins",
		      u->unit, u->app);
}

bool units_update(struct policy *policy, report_fn *report, void *ctx)
{
	AUTO_UNITS struct unit_drop_ins all = {0};
	struct units_run f = {.report = report, .ctx = ctx};
	struct err err;

	if (units_list(&all, &err) < 0) {
		report_update(&f, "services: %s", err.text);
		return false;
	}
	for (size_t i = 0; i < all.count; i++)
		update_unit(policy, &all.items[i], &f);
	if (f.changed && unit_reload(&err) < 0)
		report_update(&f, "%s; run 'systemctl daemon-reload'", err.text);
	return !f.failed;
}
