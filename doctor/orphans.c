/*
 * Orphans: what wrapping made and no wrapped program has any more, because the policy was lost or
 * brought back from a backup, or somebody helped by hand. Looked for where programs are: the usual
 * directories, and all that any generation, plan or diversion names.
 */
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/strings.h"
#include "doctor/check.h"
#include "host/wrap.h"
#include "loader/program.h"
#include "plan/read.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

static const char *const usual[] = {
	"/usr/bin",	  "/usr/sbin",	     "/usr/games",
	"/usr/local/bin", "/usr/local/sbin", "/usr/local/games",
};

struct search_for {
	struct checkup *p;
	struct strings places;	 /* directories to be searched */
	struct strings diverted; /* apps */
	struct strings known;	 /* apps of any generation */
	int found;
};

static void search_end(struct search_for *s)
{
	strings_free(&s->places);
	strings_free(&s->diverted);
	strings_free(&s->known);
}

static bool is_wrapped(const struct search_for *s, const char *app)
{
	for (size_t i = 0; i < s->p->apps.count; i++)
		if (strcmp(s->p->apps.items[i].path, app) == 0)
			return true;
	return false;
}

__attribute__((format(printf, 3, 4))) static void orphan(struct search_for *s, const char *remedy,
							 const char *fmt, ...)
{
	char text[2 * PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	check_fault(s->p, remedy, "%s", text);
	s->found++;
}

/* Wrapping a program and unwrapping it converges from wherever it was left. */
static const char *adopt(const char *app, char remedy[3 * PATH_MAX])
{
	snprintf(remedy, 3 * PATH_MAX, "pinlib set --host %s && pinlib unset %s", app, app);
	return remedy;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* -- where to look -- */

static int add_place(struct search_for *s, const char *dir, struct err *err)
{
	char found[PATH_MAX];
	size_t existing;
	int r = path_resolve(dir, found, &existing, err);

	return r < 0 || existing < strlen(found) ? r : strings_add_once(&s->places, found, err);
}

static int add_place_of(struct search_for *s, const char *app, struct err *err)
{
	char dir[PATH_MAX];

	path_dir(app, dir);
	return add_place(s, dir, err);
}

static int find_places(struct search_for *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof usual / sizeof *usual; i++)
		r = add_place(s, usual[i], err);
	for (size_t i = 0; r == 0 && i < s->known.count; i++)
		r = add_place_of(s, s->known.items[i], err);
	for (size_t i = 0; r == 0 && i < s->diverted.count; i++)
		r = add_place_of(s, s->diverted.items[i], err);
	return r;
}

/* -- wrappers and originals -- */

static void check_name(struct search_for *s, const char *dir, const char *name)
{
	char app[PATH_MAX], real[PATH_MAX], remedy[3 * PATH_MAX];
	struct err ignored;

	if (snprintf(app, sizeof app, "%s/%s", dir, name) >= (int)sizeof app ||
	    is_wrapped(s, app) || !wrap_present(app) || wrap_real(app, real, &ignored) < 0)
		return;
	if (exists(real)) {
		orphan(s, adopt(app, remedy), "%s is the wrapper, of a program that has no pins",
		       app);
		return;
	}
	snprintf(remedy, sizeof remedy, "rm %s, and install its package again", app);
	orphan(s, remedy, "%s is the wrapper, of a program that is gone", app);
}

static void check_original(struct search_for *s, const char *dir, const char *name)
{
	char app[PATH_MAX], real[PATH_MAX], remedy[3 * PATH_MAX];
	struct err ignored;

	if (snprintf(app, sizeof app, "%s/%s", dir, name) >= (int)sizeof app ||
	    is_wrapped(s, app) || wrap_present(app) || wrap_real(app, real, &ignored) < 0)
		return; /* a wrapper without pins was reported with its original */
	if (exists(app)) {
		orphan(s, adopt(app, remedy),
		       "%s is a second name or a former version of %s, which "
		       "is not wrapped",
		       real, app);
		return;
	}
	snprintf(remedy, sizeof remedy, "mv %s %s", real, app);
	orphan(s, remedy, "%s is the original of %s, where nothing is", real, app);
}

typedef void each_fn(struct search_for *s, const char *dir, const char *name);

static void search_names(struct search_for *s, const char *path, const char *dir, each_fn *each)
{
	AUTO_DIR DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			each(s, dir, e->d_name);
}

static void search_place(struct search_for *s, const char *dir)
{
	char originals[PATH_MAX];

	search_names(s, dir, dir, check_name);
	if (snprintf(originals, sizeof originals, "%s/%s", dir, PINLIB_REAL_DIR) <
	    (int)sizeof originals)
		search_names(s, originals, dir, check_original);
}

/* -- plans -- */

static int has_plan_name(const struct search_for *s, const char *file)
{
	for (size_t i = 0; i < s->p->apps.count; i++) {
		char name[NAME_MAX + 1];
		struct err ignored;

		if (plan_file_name(s->p->apps.items[i].path, name, &ignored) == 0 &&
		    strcmp(name, file) == 0)
			return true;
	}
	return false;
}

static void check_plans(struct search_for *s)
{
	AUTO_DIR DIR *d = opendir(PINLIB_PLANS);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char remedy[3 * PATH_MAX];

		if (e->d_name[0] == '.' || has_plan_name(s, e->d_name))
			continue;
		snprintf(remedy, sizeof remedy, "rm -f %s/%s", PINLIB_PLANS, e->d_name);
		orphan(s, remedy, "%s/%s is the plan of a program that has no pins", PINLIB_PLANS,
		       e->d_name);
	}
}

/* -- diversions -- */

static void check_diversion(struct search_for *s, const char *app)
{
	char real[PATH_MAX], remedy[3 * PATH_MAX];
	struct err ignored;

	if (is_wrapped(s, app) || wrap_real(app, real, &ignored) < 0)
		return;
	if (wrap_present(app) || exists(real))
		return; /* reported with these, and goes with them */
	if (exists(app)) {
		adopt(app, remedy);
	} else {
		snprintf(remedy, sizeof remedy,
			 "dpkg-divert --local --no-rename --divert %s --remove %s", real, app);
	}
	orphan(s, remedy, "dpkg diverts %s for the sake of pinlib, and it is not wrapped", app);
}

/* An upgrade of the package would write over the wrapper. */
static int check_undiverted(struct search_for *s, struct err *err)
{
	AUTO_STRINGS struct strings apps = {0};
	AUTO_DPKG_SAYS struct dpkg_says says = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->p->apps.count; i++)
		if (wrap_present(s->p->apps.items[i].path) && /* or it sleeps */
		    !strings_have(&s->diverted, s->p->apps.items[i].path))
			r = strings_add(&apps, s->p->apps.items[i].path, err);
	says = DPKG_SAYS_OF(apps.items, apps.count);
	for (size_t i = 0; r >= 0 && i < apps.count; i++) {
		r = divert_owned(&says, apps.items[i], err);
		if (r <= 0)
			continue;
		orphan(s, "pinlib verify --repair",
		       "%s is wrapped, but its package's upgrades are not diverted from it",
		       apps.items[i]);
	}
	return r < 0 ? r : 0;
}

static int search(struct search_for *s, struct err *err)
{
	int r = divert_apps(&s->diverted, err);

	if (r == 0)
		r = policy_known(s->p->policy, &s->known, err);
	if (r == 0)
		r = find_places(s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->places.count; i++)
		search_place(s, s->places.items[i]);
	check_plans(s);
	for (size_t i = 0; i < s->diverted.count; i++)
		check_diversion(s, s->diverted.items[i]);
	return check_undiverted(s, err);
}

int check_orphans(struct checkup *p, struct err *err)
{
	struct search_for s = {.p = p};
	int r;

	if (!p->policy) {
		check_note(p, NULL, "not looked for: without a policy everything would be one");
		return 0;
	}
	r = search(&s, err);
	if (r == 0 && s.found == 0)
		check_well(p, "no wrapper, original, plan or diversion is without its program");
	search_end(&s);
	return r;
}
