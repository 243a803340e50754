#include "change/directories.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "plan/read.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_below_etc(const char *dir)
{
	return path_below(dir, "/etc") && strcmp(dir, "/etc") != 0;
}

/* The link first: a directory that is not recorded would stay. */
static int make_one(const char *dir, struct err *err)
{
	char name[NAME_MAX + 1], link[sizeof PINLIB_DIRECTORIES + sizeof name];
	int r = plan_file_name(dir, name, err);

	if (r == 0)
		r = file_mkdirs(PINLIB_DIRECTORIES, err);
	if (r < 0)
		return r;
	snprintf(link, sizeof link, "%s/%s", PINLIB_DIRECTORIES, name);
	if (symlink(dir, link) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot create %s", link);
	return file_mkdirs(dir, err);
}

int directories_make(const struct strings *covers, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < covers->count; i++) {
		struct stat st;

		if (is_below_etc(covers->items[i]) && lstat(covers->items[i], &st) < 0 &&
		    errno == ENOENT)
			r = make_one(covers->items[i], err);
	}
	return r;
}

/* -- removing -- */

/* The covers of all apps, by the plans that are published. */
static int add_covers(const struct apps *apps, struct strings *covers, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	int r = 0;

	if (!file)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < apps->count; i++) {
		struct err none; /* doctor finds a damaged plan */

		if (plan_load(PINLIB_PLANS, apps->items[i].path, 0, file, &none) < 0)
			continue;
		for (size_t k = 0; r == 0 && k < file->plan.ncovers; k++)
			r = strings_add(covers, file->plan.covers[k].target, err);
	}
	return r;
}

static int sweep_one(int recorded, const char *name, const struct strings *covers, struct err *err)
{
	char dir[PATH_MAX];
	ssize_t n = readlinkat(recorded, name, dir, sizeof dir - 1);

	if (n < 0)
		return err_sys(err, errno, "cannot read %s/%s", PINLIB_DIRECTORIES, name);
	dir[n] = '\0';
	if (strings_have(covers, dir))
		return 0;
	if (is_below_etc(dir) && rmdir(dir) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return err_sys(err, errno, "cannot remove %s", dir);
	return unlinkat(recorded, name, 0) < 0
		       ? err_sys(err, errno, "cannot remove %s/%s", PINLIB_DIRECTORIES, name)
		       : 0;
}

int directories_sweep(struct policy *policy, struct err *err)
{
	AUTO_DIR DIR *d = opendir(PINLIB_DIRECTORIES);
	AUTO_STRINGS struct strings covers = {0};
	AUTO_APPS struct apps apps = {0};
	struct dirent *entry;
	int r;

	if (!d)
		return errno == ENOENT ? 0
				       : err_sys(err, errno, "cannot read %s", PINLIB_DIRECTORIES);
	r = policy_apps(policy, POLICY_NOW, &apps, err);
	if (r == 0)
		r = add_covers(&apps, &covers, err);
	while (r == 0 && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = sweep_one(dirfd(d), entry->d_name, &covers, err);
	if (r == 0)
		rmdir(PINLIB_DIRECTORIES); /* if it is empty */
	return r;
}
