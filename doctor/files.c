/* Who can write pinlib's files, and who can read them. */
#include "advisory/accepted.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "doctor/check.h"
#include "host/original.h"
#include "policy/caution.h"
#include "upgrade/hooks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char reinstall[] = "install pinlib again (apt install --reinstall pinlib)";

/* Files that configure pinlib, or by which others call it. */
static const struct config_file {
	const char *path; /* a file, or a directory of them */
	const char *what;
	bool needed; /* it comes with pinlib, and must exist */
} config_files[] = {
	{PINLIB_DATADIR "/profiles", "the system-call profiles of pinlib", true},
	{CAUTION_TABLE, "the table of programs that should not be pinned", false},
	{PINLIB_PROGRAMS, "the administrator's tables of such programs", false},
	{PINLIB_PROFILES, "the administrator's system-call profiles", false},
	{PINLIB_PINS, "the descriptions for pinlib apply", false},
	{PINLIB_CONF, "the administrator's settings", false},
	{PINLIB_ACCEPTED, "the accepted vulnerabilities", false},
	{HOOKS_APT, "the hooks for apt", false},
	{HOOKS_DPKG, "the hook for dpkg", false},
};

/* Whoever can write the file decides what pinlib does as root. */
static void check_safe(struct checkup *c, const char *path)
{
	char remedy[3 * PATH_MAX];
	struct err why;

	if (trust_file(path, &why))
		return;
	snprintf(remedy, sizeof remedy,
		 "read %s first, since others may have changed it; then 'chown root:root' and "
		 "'chmod go-w' it, and each directory above it",
		 path);
	check_fault(c, remedy, "%s", why.text);
}

static int check_safe_dir(struct checkup *c, const char *dir, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	char path[PATH_MAX];
	struct dirent *e;

	check_safe(c, dir);
	if (!d)
		return err_sys(err, errno, "cannot open %s", dir);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && path_join(dir, e->d_name, path, err) == 0)
			check_safe(c, path);
	return 0;
}

/* A launch opens its files as the user who started it. */
static int check_readable(struct checkup *c, const char *path, struct err *err)
{
	char remedy[PATH_MAX + 16];
	struct stat st;
	mode_t mode;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot stat %s", path);
	mode = S_ISDIR(st.st_mode) ? 0755 : 0644;
	if ((st.st_mode & mode & S_IRWXO) == (mode & S_IRWXO))
		return 0;
	snprintf(remedy, sizeof remedy, "chmod %04o %s", mode, path);
	check_fault(c, remedy, "%s has mode %04o: pinned programs do not start for ordinary users",
		    path, st.st_mode & 07777);
	return 0;
}

/* Whether only root can write the file, and every user can read it. */
static int check_fit(struct checkup *c, const char *path, struct err *err)
{
	int faults = c->faults;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	check_safe(c, path);
	return c->faults > faults ? 0 : check_readable(c, path, err);
}

/* A directory that is not fit hides the files in it. */
static int check_fit_dir(struct checkup *c, const char *dir, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	char path[PATH_MAX];
	struct dirent *e;
	int faults = c->faults, r = check_fit(c, dir, err);

	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open %s", dir);
	if (c->faults > faults)
		return 0;
	while (r == 0 && (e = readdir(d)))
		if (e->d_name[0] != '.' && path_join(dir, e->d_name, path, err) == 0)
			r = check_fit(c, path, err);
	return r;
}

/* The directories of the originals, each once: apps are sorted by their paths. */
static int check_originals(struct checkup *c, struct err *err)
{
	char last[PATH_MAX] = "", real[PATH_MAX], dir[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->apps.count; i++) {
		r = original_path(c->apps.items[i].path, real, err);
		if (r < 0)
			return r;
		path_dir(real, dir);
		if (strcmp(dir, last) != 0)
			r = check_fit(c, dir, err);
		snprintf(last, sizeof last, "%s", dir);
	}
	return r;
}

/* The files that launches read: a sealed program's libraries are in the store itself. */
static int check_launch_files(struct checkup *c, struct err *err)
{
	int faults = c->faults, r = check_fit(c, PINLIB_STATE, err);

	if (r == 0 && c->faults == faults)
		r = check_fit_dir(c, PINLIB_PLANS, err);
	if (r == 0 && c->faults == faults)
		r = check_fit_dir(c, PINLIB_LAYERS, err);
	if (r == 0 && c->faults == faults)
		r = check_fit(c, PINLIB_STORE, err);
	if (r == 0 && c->faults == faults)
		r = check_fit_dir(c, PINLIB_STORE "/objects", err);
	return r < 0 ? r : check_originals(c, err);
}

static int check_config_file(struct checkup *c, const struct config_file *f, struct err *err)
{
	struct stat st;

	if (lstat(f->path, &st) < 0 && errno == ENOENT) {
		if (f->needed)
			check_fault(c, reinstall, "%s, %s, is missing", f->path, f->what);
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return check_safe_dir(c, f->path, err);
	check_safe(c, f->path);
	return 0;
}

static void report_fault(void *ctx, const char *text)
{
	check_fault(ctx, "correct this line; pinlib-programs(5) describes the format", "%s", text);
}

static int check_cautions(struct checkup *c, struct err *err)
{
	AUTO_CAUTIONS struct cautions table = {0};

	if (access(CAUTION_TABLE, F_OK) < 0 && errno == ENOENT) {
		check_fault(c, reinstall,
			    "%s, the table of programs that should not be pinned, "
			    "is missing",
			    CAUTION_TABLE);
		return 0;
	}
	return cautions_read(&table, report_fault, c, err);
}

int check_files(struct checkup *c, struct err *err)
{
	int faults = c->faults, r = 0;

	for (size_t i = 0; r == 0 && i < sizeof config_files / sizeof *config_files; i++)
		r = check_config_file(c, &config_files[i], err);
	if (r == 0 && c->faults == faults)
		r = check_cautions(c, err);
	if (r == 0)
		r = check_launch_files(c, err);
	if (r == 0 && c->faults == faults)
		check_well(c, "the configuration exists and only root can write it");
	return r;
}
