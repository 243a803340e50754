/* Who can write pinlib's files, and who can read them. */
#include "base/cleanup.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "doctor/check.h"
#include "host/original.h"
#include "upgrade/hooks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that configure pinlib, or by which others call it. */
static const struct config_file {
	const char *path; /* a file, or a directory of them */
	const char *what;
	bool needed; /* it comes with pinlib, and must exist */
} config_files[] = {
	{PINLIB_DATADIR "/profiles", "the system-call profiles of pinlib", true},
	{PINLIB_PROFILES, "the administrator's system-call profiles", false},
	{PINLIB_PINS, "the descriptions for pinlib apply", false},
	{PINLIB_CONF, "the administrator's settings", false},
	{HOOKS_APT, "the hooks for apt", false},
	{HOOKS_DPKG, "the hook for dpkg", false},
};

/* Whoever can write the file decides what pinlib does as root. */
static int is_safe(struct checkup *c, const char *path, struct err *err)
{
	char remedy[3 * PATH_MAX];

	if (trust_file(path, err))
		return 1;
	snprintf(remedy, sizeof remedy,
		 "read %s first, since others may have changed it; then 'chown root:root' and "
		 "'chmod go-w' it, and each directory above it",
		 path);
	check_fault(c, remedy, "%s", err->text);
	return 0;
}

static int are_safe(struct checkup *c, const char *dir, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *e;
	int safe = is_safe(c, dir, err);

	if (!d)
		return err_sys(err, errno, "cannot open %s", dir);
	while ((e = readdir(d))) {
		char path[PATH_MAX];

		if (e->d_name[0] == '.' || path_join(dir, e->d_name, path, err) < 0)
			continue;
		safe &= is_safe(c, path, err);
	}
	return safe;
}

/* A launch opens its files as the user who started it. */
static int is_readable(struct checkup *c, const char *path, struct err *err)
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
	check_fault(c, remedy, "%s has mode %04o: pinned programs do not start for ordinary users",
		    path, st.st_mode & 07777);
	return 0;
}

/* Whether only root can write the file, and every user can read it. */
static int is_fit(struct checkup *c, const char *path, struct err *err)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 1;
	return is_safe(c, path, err) ? is_readable(c, path, err) : 0;
}

static int are_fit(struct checkup *c, const char *dir, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *e;
	int fit = is_fit(c, dir, err);

	if (!d)
		return errno == ENOENT ? 1 : err_sys(err, errno, "cannot open %s", dir);
	if (fit <= 0)
		return fit;
	while (fit >= 0 && (e = readdir(d))) {
		char path[PATH_MAX];
		int r;

		if (e->d_name[0] == '.' || path_join(dir, e->d_name, path, err) < 0)
			continue;
		r = is_fit(c, path, err);
		fit = r < 0 ? r : fit & r;
	}
	return fit;
}

/* The directories of the originals, each once: apps are sorted by their paths. */
static int are_originals_fit(struct checkup *c, struct err *err)
{
	char last[PATH_MAX] = "";
	int fit = 1;

	for (size_t i = 0; fit >= 0 && i < c->apps.count; i++) {
		char real[PATH_MAX], dir[PATH_MAX];
		int r = original_path(c->apps.items[i].path, real, err);

		if (r < 0)
			return r;
		path_dir(real, dir);
		if (strcmp(dir, last) == 0)
			continue;
		r = is_fit(c, dir, err);
		fit = r < 0 ? r : fit & r;
		snprintf(last, sizeof last, "%s", dir);
	}
	return fit;
}

/* The files that launches read. A directory that is not fit hides the files in it. */
static int are_launch_files_fit(struct checkup *c, struct err *err)
{
	int fit = is_fit(c, PINLIB_STATE, err), originals;

	if (fit == 1)
		fit = are_fit(c, PINLIB_PLANS, err);
	if (fit == 1)
		fit = are_fit(c, PINLIB_LAYERS, err);
	if (fit < 0)
		return fit;
	originals = are_originals_fit(c, err);
	return originals < 0 ? originals : fit & originals;
}

static int check_config_file(struct checkup *c, const struct config_file *f, struct err *err)
{
	struct stat st;

	if (lstat(f->path, &st) < 0 && errno == ENOENT) {
		if (f->needed)
			check_fault(c, "install pinlib again (apt install --reinstall pinlib)",
				    "%s, %s, is missing", f->path, f->what);
		return !f->needed;
	}
	return S_ISDIR(st.st_mode) ? are_safe(c, f->path, err) : is_safe(c, f->path, err);
}

int check_files(struct checkup *c, struct err *err)
{
	bool safe = true;
	int r;

	for (size_t i = 0; i < sizeof config_files / sizeof *config_files; i++) {
		r = check_config_file(c, &config_files[i], err);
		if (r < 0)
			return r;
		safe &= r == 1;
	}
	r = are_launch_files_fit(c, err);
	if (r < 0)
		return r;
	if (safe && r)
		check_well(c, "the configuration exists and only root can write it");
	return 0;
}
