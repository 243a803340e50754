/*
 * Orphans: stubs, originals, plans and diversions without a wrapped program. They are left where
 * the policy was lost or restored from a backup, or where somebody repaired something by hand. The
 * search covers the usual directories of programs, and those of all apps that a generation or a
 * diversion names.
 */
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/strings.h"
#include "doctor/check.h"
#include "host/original.h"
#include "host/wrap.h"
#include "plan/read.h"

#include <string.h>
#include <sys/stat.h>

static const char *const usual_dirs[] = {
	"/usr/bin",	  "/usr/sbin",	     "/usr/games",
	"/usr/local/bin", "/usr/local/sbin", "/usr/local/games",
};

struct orphan_search {
	struct checkup *c;
	struct strings dirs;	 /* to be searched */
	struct strings diverted; /* apps */
	struct strings known;	 /* apps of any generation */
};

static void orphan_search_free(struct orphan_search *s)
{
	strings_free(&s->dirs);
	strings_free(&s->diverted);
	strings_free(&s->known);
}

static bool is_wrapped(const struct orphan_search *s, const char *app)
{
	for (size_t i = 0; i < s->c->apps.count; i++)
		if (strcmp(s->c->apps.items[i].path, app) == 0)
			return true;
	return false;
}

/* To wrap a program and unwrap it again converges from any leftover state. */
static const char *rewrap_remedy(const char *app, char remedy[3 * PATH_MAX])
{
	snprintf(remedy, 3 * PATH_MAX, "pinlib set --host %s && pinlib unset %s", app, app);
	return remedy;
}

static bool path_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* -- directories to be searched -- */

static int add_dir(struct orphan_search *s, const char *dir, struct err *err)
{
	char found[PATH_MAX];
	size_t existing;
	int r = path_resolve(dir, found, &existing, err);

	return r < 0 || existing < strlen(found) ? r : strings_add_once(&s->dirs, found, err);
}

static int add_dir_of(struct orphan_search *s, const char *app, struct err *err)
{
	char dir[PATH_MAX];

	path_dir(app, dir);
	return add_dir(s, dir, err);
}

static int find_dirs(struct orphan_search *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof usual_dirs / sizeof *usual_dirs; i++)
		r = add_dir(s, usual_dirs[i], err);
	for (size_t i = 0; r == 0 && i < s->known.count; i++)
		r = add_dir_of(s, s->known.items[i], err);
	for (size_t i = 0; r == 0 && i < s->diverted.count; i++)
		r = add_dir_of(s, s->diverted.items[i], err);
	return r;
}

/* -- stubs and originals -- */

static void check_name(struct orphan_search *s, const char *dir, const char *name)
{
	char app[PATH_MAX], real[PATH_MAX], remedy[3 * PATH_MAX];
	struct err ignored;

	if (path_join(dir, name, app, &ignored) < 0 || is_wrapped(s, app) || !wrap_present(app) ||
	    original_path(app, real, &ignored) < 0)
		return;
	if (path_exists(real)) {
		check_fault(s->c, rewrap_remedy(app, remedy),
			    "%s is a stub, but the program has no pins", app);
		return;
	}
	snprintf(remedy, sizeof remedy, "rm %s, then reinstall its package", app);
	check_fault(s->c, remedy, "%s is a stub, but the program is gone", app);
}

static void check_original(struct orphan_search *s, const char *dir, const char *name)
{
	char app[PATH_MAX], real[PATH_MAX], remedy[3 * PATH_MAX];
	struct err ignored;

	if (path_join(dir, name, app, &ignored) < 0 || is_wrapped(s, app) || wrap_present(app) ||
	    original_path(app, real, &ignored) < 0)
		return; /* check_name reports a stub together with its original */
	if (path_exists(app)) {
		check_fault(s->c, rewrap_remedy(app, remedy),
			    "%s is a second name or an old version of %s, which is not "
			    "wrapped",
			    real, app);
		return;
	}
	snprintf(remedy, sizeof remedy, "mv %s %s", real, app);
	check_fault(s->c, remedy, "%s is the original of %s, which is missing", real, app);
}

typedef void name_fn(struct orphan_search *s, const char *dir, const char *name);

static void search_names(struct orphan_search *s, const char *path, const char *dir, name_fn *check)
{
	AUTO_DIR DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			check(s, dir, e->d_name);
}

static void search_place(struct orphan_search *s, const char *dir)
{
	char originals[PATH_MAX];
	struct err ignored;

	search_names(s, dir, dir, check_name);
	if (path_join(dir, PINLIB_REAL_DIR, originals, &ignored) == 0)
		search_names(s, originals, dir, check_original);
}

/* -- plans -- */

static int has_plan_name(const struct orphan_search *s, const char *file)
{
	for (size_t i = 0; i < s->c->apps.count; i++) {
		char name[NAME_MAX + 1];
		struct err ignored;

		if (plan_file_name(s->c->apps.items[i].path, name, &ignored) == 0 &&
		    strcmp(name, file) == 0)
			return true;
	}
	return false;
}

static void check_plans(struct orphan_search *s)
{
	AUTO_DIR DIR *d = opendir(PINLIB_PLANS);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char remedy[3 * PATH_MAX];

		if (e->d_name[0] == '.' || has_plan_name(s, e->d_name))
			continue;
		snprintf(remedy, sizeof remedy, "rm -f %s/%s", PINLIB_PLANS, e->d_name);
		check_fault(s->c, remedy, "%s/%s is a plan, but the program has no pins",
			    PINLIB_PLANS, e->d_name);
	}
}

/* -- diversions -- */

static void check_diversion(struct orphan_search *s, const char *app)
{
	char real[PATH_MAX], remedy[3 * PATH_MAX];
	struct err ignored;

	if (is_wrapped(s, app) || original_path(app, real, &ignored) < 0)
		return;
	if (wrap_present(app) || path_exists(real))
		return; /* these were reported, and their remedy removes the diversion */
	if (path_exists(app)) {
		rewrap_remedy(app, remedy);
	} else {
		snprintf(remedy, sizeof remedy,
			 "dpkg-divert --local --no-rename --divert %s --remove %s", real, app);
	}
	check_fault(s->c, remedy,
		    "dpkg still diverts %s for pinlib, but the program is not wrapped", app);
}

/* An upgrade of the package would overwrite the stub. */
static int check_undiverted(struct orphan_search *s, struct err *err)
{
	AUTO_STRINGS struct strings apps = {0};
	AUTO_DPKG_SAYS struct dpkg_says says = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->c->apps.count; i++)
		if (wrap_present(s->c->apps.items[i].path) && /* else its pins sleep */
		    !strings_have(&s->diverted, s->c->apps.items[i].path))
			r = strings_add(&apps, s->c->apps.items[i].path, err);
	says = DPKG_SAYS_OF(apps.items, apps.count);
	for (size_t i = 0; r >= 0 && i < apps.count; i++) {
		r = divert_owned(&says, apps.items[i], err);
		if (r <= 0)
			continue;
		check_fault(s->c, "pinlib doctor --repair",
			    "%s is wrapped, but dpkg does not divert upgrades of its package",
			    apps.items[i]);
	}
	return r < 0 ? r : 0;
}

static int search_orphans(struct orphan_search *s, struct err *err)
{
	int r = divert_apps(&s->diverted, err);

	if (r == 0)
		r = policy_known(s->c->policy, &s->known, err);
	if (r == 0)
		r = find_dirs(s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->dirs.count; i++)
		search_place(s, s->dirs.items[i]);
	check_plans(s);
	for (size_t i = 0; i < s->diverted.count; i++)
		check_diversion(s, s->diverted.items[i]);
	return check_undiverted(s, err);
}

int check_orphans(struct checkup *c, struct err *err)
{
	struct orphan_search s = {.c = c};
	int faults = c->faults, r;

	if (!c->policy) {
		check_note(c, NULL, "not checked: the policy cannot be read");
		return 0;
	}
	r = search_orphans(&s, err);
	if (r == 0 && c->faults == faults)
		check_well(c, "no leftover stubs, originals, plans or diversions");
	orphan_search_free(&s);
	return r;
}
