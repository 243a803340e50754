#include "doctor/doctor.h"

#include "base/strings.h"

#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "change/activate.h"
#include "doctor/check.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "store/layer.h"
#include "upgrade/hooks.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

/* -- what the checks say -- */

__attribute__((format(printf, 4, 0))) static void
say(struct checkup *p, enum health health, const char *remedy, const char *fmt, va_list ap)
{
	char text[2 * ERR_TEXT_MAX];

	vsnprintf(text, sizeof text, fmt, ap);
	p->report(p->ctx, &(struct finding){p->check, health, text, remedy});
	if (health == HEALTH_FAULT)
		p->faults++;
}

void check_well(struct checkup *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(p, HEALTH_WELL, NULL, fmt, ap);
	va_end(ap);
}

void check_note(struct checkup *p, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(p, HEALTH_NOTE, remedy, fmt, ap);
	va_end(ap);
}

void check_fault(struct checkup *p, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(p, HEALTH_FAULT, remedy, fmt, ap);
	va_end(ap);
}

/* -- files that steer pinlib, or by which others call it -- */

static const struct steering {
	const char *path; /* a file, or a directory of them */
	const char *what;
	bool needed; /* pinlib brings it: without it something is broken */
} steering[] = {
	{PINLIB_DATADIR "/profiles", "pinlib's profiles of system calls", true},
	{PINLIB_PROFILES, "the administrator's profiles of system calls", false},
	{PINLIB_PINS, "descriptions for pinlib apply", false},
	{PINLIB_CONF, "the administrator's settings", false},
	{HOOKS_APT, "what apt calls", false},
	{HOOKS_DPKG, "what dpkg calls", false},
};

static const char roots_alone[] =
	"look at what it says now, then: chown root:root and chmod go-w, up to the root directory";

/* Whoever can write it decides what root's pinlib does. */
static int is_safe(struct checkup *p, const char *path, struct err *err)
{
	if (path_is_roots(path, err))
		return 1;
	check_fault(p, roots_alone, "%s", err->text);
	return 0;
}

static int are_safe(struct checkup *p, const char *dir, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *e;
	int safe = is_safe(p, dir, err);

	if (!d)
		return err_sys(err, errno, "cannot open %s", dir);
	while ((e = readdir(d))) {
		char path[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path)
			continue;
		safe &= is_safe(p, path, err);
	}
	return safe;
}

/* What a launch needs it opens as the user who started it. */
static int is_for_all(struct checkup *p, const char *path, struct err *err)
{
	char remedy[PATH_MAX + 16];
	struct stat st;
	mode_t mode;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 1 : err_sys(err, errno, "cannot stat %s", path);
	mode = S_ISDIR(st.st_mode) ? 0755 : 0644;
	if ((st.st_mode & mode & S_IRWXO) == (mode & S_IRWXO))
		return 1;
	snprintf(remedy, sizeof remedy, "chmod %04o %s", mode, path);
	check_fault(p, remedy, "%s has mode %04o: pinned programs do not start for ordinary users",
		    path, st.st_mode & 07777);
	return 0;
}

/* Root alone writes it, every user reads it. One that is not so hides what is below it. */
static int is_fit(struct checkup *p, const char *path, struct err *err)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 1;
	return is_safe(p, path, err) ? is_for_all(p, path, err) : 0;
}

static int are_fit(struct checkup *p, const char *dir, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *e;
	int fit = is_fit(p, dir, err);

	if (!d)
		return errno == ENOENT ? 1 : err_sys(err, errno, "cannot open %s", dir);
	if (fit <= 0)
		return fit;
	while (fit >= 0 && (e = readdir(d))) {
		char path[PATH_MAX];
		int r;

		if (e->d_name[0] == '.' ||
		    snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path)
			continue;
		r = is_fit(p, path, err);
		fit = r < 0 ? r : fit & r;
	}
	return fit;
}

/* Where the originals lie, each directory once: apps are in the order of their paths. */
static int are_originals_fit(struct checkup *p, struct err *err)
{
	char last[PATH_MAX] = "";
	int fit = 1;

	for (size_t i = 0; fit >= 0 && i < p->apps.count; i++) {
		char real[PATH_MAX], dir[PATH_MAX];
		int r = wrap_real(p->apps.items[i].path, real, err);

		if (r < 0)
			return r;
		path_dir(real, dir);
		if (strcmp(dir, last) == 0)
			continue;
		r = is_fit(p, dir, err);
		fit = r < 0 ? r : fit & r;
		snprintf(last, sizeof last, "%s", dir);
	}
	return fit;
}

/* What launches read. */
static int check_kept(struct checkup *p, struct err *err)
{
	int fit = is_fit(p, PINLIB_STATE, err), originals;

	if (fit == 1)
		fit = are_fit(p, PINLIB_PLANS, err);
	if (fit == 1)
		fit = are_fit(p, PINLIB_LAYERS, err);
	if (fit < 0)
		return fit;
	originals = are_originals_fit(p, err);
	return originals < 0 ? originals : fit & originals;
}

static int check_one_file(struct checkup *p, const struct steering *s, struct err *err)
{
	struct stat st;
	int safe;

	if (lstat(s->path, &st) < 0 && errno == ENOENT) {
		if (s->needed)
			check_fault(p, "install pinlib again", "%s, %s, is missing", s->path,
				    s->what);
		return !s->needed;
	}
	safe = S_ISDIR(st.st_mode) ? are_safe(p, s->path, err) : is_safe(p, s->path, err);
	return safe;
}

static int check_files(struct checkup *p, struct err *err)
{
	bool safe = true;
	int r;

	for (size_t i = 0; i < sizeof steering / sizeof *steering; i++) {
		r = check_one_file(p, &steering[i], err);

		if (r < 0)
			return r;
		safe &= r == 1;
	}
	r = check_kept(p, err);
	if (r < 0)
		return r;
	if (safe && r)
		check_well(p, "what steers pinlib is there, and root's alone");
	return 0;
}

/* -- what pinlib keeps -- */

static const char policy_lost[] =
	"bring " PINLIB_POLICY " back from a backup, or move it away and set the pins again; "
	"wrapped programs go on meanwhile";

/* Why get_ready has no policy: it does not open, or what matters in it cannot be read. */
static int try_database(struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	int r = policy_open(&policy, err);

	return r < 0 ? r : policy_apps(policy, POLICY_NOW, &apps, err);
}

static int check_database(struct checkup *p, struct err *err)
{
	struct stat st;

	if (lstat(PINLIB_POLICY, &st) < 0 && errno == ENOENT) {
		check_well(p, "there is none yet: nothing was ever pinned");
		return 0;
	}
	if (!path_is_roots(PINLIB_POLICY, err)) {
		check_fault(p, roots_alone, "%s", err->text);
	} else if (!p->policy) { /* it was tried before, for all checks */
		if (try_database(err) < 0)
			check_fault(p, policy_lost, "%s", err->text);
	} else if (policy_check(p->policy, err) < 0) {
		check_fault(p, policy_lost, "%s", err->text);
	} else {
		check_well(p, "%zu program%s in generation %lld", p->apps.count,
			   p->apps.count == 1 ? "" : "s", (long long)policy_current(p->policy));
	}
	return 0;
}

static int check_pending(struct checkup *p, struct err *err)
{
	AUTO_STRINGS struct strings pending = {0};
	int r = activate_pending(&pending, err);

	for (size_t i = 0; r == 0 && i < pending.count; i++)
		check_fault(p, "pinlib verify (or any other command that changes something)",
			    "a command was interrupted while it changed %s", pending.items[i]);
	if (r == 0 && pending.count == 0)
		check_well(p, "no command was interrupted");
	return r;
}

struct told {
	struct checkup *p;
	const char *remedy;
};

static void tell(void *ctx, const char *what)
{
	const struct told *t = ctx;

	check_fault(t->p, t->remedy, "%s", what);
}

static int check_programs(struct checkup *p, struct err *err)
{
	struct told told = {p, "pinlib verify --repair, or pinlib unset of that program"};
	int r;

	if (p->policy && p->apps.count == 0) {
		check_well(p, "there are none");
		return 0;
	}
	if (!p->policy || !p->store) {
		check_note(p, NULL, "not looked at: the %s cannot be read",
			   p->policy ? "store" : "policy");
		return 0;
	}
	r = activate_examine(p->policy, p->store, tell, &told, err);
	if (r == 0)
		check_well(p, "each one's plan, wrapper and original are as the policy says");
	return r;
}

static int check_layers(struct checkup *p, struct err *err)
{
	struct told told = {p, "pinlib verify --repair; what no plan needs goes with pinlib gc"};
	int r;

	if (!p->store) {
		check_well(p,
			   "not looked at: there is no store that they could have been built from");
		return 0;
	}
	r = layer_verify(p->store, PINLIB_LAYERS, tell, &told, err);
	if (r == 0)
		check_well(p, "all are what they were built as");
	return r;
}

static int check_store(struct checkup *p, struct err *err)
{
	struct told told = {p,
			    "pinlib add of the same version restores what is missing or damaged"};
	int r;

	if (!p->store && access(PINLIB_STORE, F_OK) < 0 && p->apps.count == 0) {
		check_well(p, "it is empty");
		return 0;
	}
	r = p->store ? 0 : store_open(PINLIB_STORE, false, &p->store, err);
	if (r < 0) {
		check_fault(p,
			    "bring " PINLIB_STORE
			    " back from a backup, or pinlib add what is pinned",
			    "%s", err->text);
		return 0;
	}
	r = store_verify(p->store, tell, &told, err);
	if (r == 0)
		check_well(p, "every content matches its name");
	return r;
}

static int check_units(struct checkup *p, struct err *err)
{
	AUTO_UNITS struct unit_drop_ins all = {0};
	int r = p->policy ? units_list(&all, err) : 0;
	int wrong = 0;

	if (!p->policy) {
		check_note(p, NULL, "not looked at: the policy cannot be read");
		return 0;
	}
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		char remedy[NAME_MAX + 128];

		if (unit_check(p->policy, &all.items[i], err) == 0)
			continue;
		wrong++;
		snprintf(remedy, sizeof remedy, "pinlib refresh, or pinlib unit --remove %s",
			 all.items[i].unit);
		check_fault(p, remedy, "%s", err->text);
	}
	if (r == 0 && !wrong)
		check_well(p, all.count
				      ? "each service is given the view of its program as it is now"
				      : "no service is given a view");
	return r;
}

/* -- all -- */

static const struct {
	const char *name;
	int (*look)(struct checkup *p, struct err *err);
} checks[] = {
	{"kernel", check_kernel},
	{"wrapper", check_wrapper},
	{"nosuid", check_nosuid},
	{"bounding-set", check_bounding_set},
	{"user-namespaces", check_user_namespaces},
	{"lsm", check_lsm},
	{"files", check_files},
	{"hooks", check_hooks},
	{"trigger", check_trigger},
	{"database", check_database},
	{"pending", check_pending},
	{"programs", check_programs},
	{"orphans", check_orphans},
	{"units", check_units},
	{"layers", check_layers},
	{"store", check_store},
	{"space", check_space},
};

static void get_ready(struct checkup *p)
{
	struct err ignored; /* the checks say it */

	if (policy_open(&p->policy, &ignored) == 0 &&
	    policy_apps(p->policy, POLICY_NOW, &p->apps, &ignored) < 0)
		policy_close(&p->policy);
	if (store_open(PINLIB_STORE, false, &p->store, &ignored) < 0)
		p->store = NULL;
}

int doctor(finding_fn *report, void *ctx)
{
	struct checkup p = {.report = report, .ctx = ctx};
	struct err err;

	get_ready(&p);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		p.check = checks[i].name;
		if (checks[i].look(&p, &err) < 0)
			check_fault(&p, NULL, "cannot be looked at: %s", err.text);
	}
	apps_free(&p.apps);
	policy_close(&p.policy);
	store_close(&p.store);
	return p.faults;
}
