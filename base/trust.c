#include "base/trust.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* The walk from / down. */
struct trust_walk {
	bool dirs; /* each component must be a directory */
	bool first;
	dev_t dev; /* of the previous component */
};

static int refuse_others(const char *path, const struct stat *st, struct err *err)
{
	if (st->st_uid != 0)
		return err_set(err, EPERM, "%s belongs to user %u, not to root", path, st->st_uid);
	if (!S_ISLNK(st->st_mode) &&
	    (st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && st->st_gid != 0)))
		return err_set(err, EPERM, "%s can be written by users other than root", path);
	return 0;
}

/* Any user may have mounted a FUSE file system (fusermount3(1)) while the directory was theirs. */
static int refuse_fuse(const char *path, const struct stat *st, const struct trust_walk *walk,
		       struct err *err)
{
	struct statfs fs = {0};

	if (walk->first || st->st_dev == walk->dev)
		return 0;
	if (statfs(path, &fs) < 0)
		return err_sys(err, errno, "cannot tell which file system %s is", path);
	if (!fs.f_type) /* a system-call filter answered */
		return err_set(err, EPERM, "cannot tell which file system %s is", path);
	return fs.f_type == FUSE_SUPER_MAGIC ? err_set(err, EPERM, "%s is a FUSE file system", path)
					     : 0;
}

static int refuse_kind(const char *path, const struct stat *st, struct err *err)
{
	if (S_ISDIR(st->st_mode))
		return 0;
	return err_set(err, EPERM, "%s is %s", path,
		       S_ISLNK(st->st_mode) ? "a symbolic link" : "not a directory");
}

static int check_component(const char *path, struct trust_walk *walk, struct err *err)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", path);
	r = refuse_others(path, &st, err);
	if (r == 0 && walk->dirs)
		r = refuse_kind(path, &st, err);
	if (r == 0 && walk->dirs)
		r = refuse_fuse(path, &st, walk, err);
	walk->first = false;
	walk->dev = st.st_dev;
	return r;
}

/* The length of the part of path, up to a '/', that was checked last time. */
static size_t known_part(const struct trusted *known, const char *path, size_t len)
{
	size_t part = 0;

	for (size_t i = 0; i <= len && i <= known->len; i++) {
		bool end = i == len || path[i] == '/',
		     known_end = i == known->len || known->path[i] == '/';

		if (end && known_end)
			part = i;
		if (i == len || i == known->len || path[i] != known->path[i])
			break;
	}
	return part;
}

/* Checks each prefix of the first len bytes in turn. When the kernel resolves a prefix again, only root can have
 * changed its meaning. */
static bool check_path(struct trusted *known, const char *path, size_t len, bool dirs,
		       struct err *err)
{
	struct trust_walk walk = {.dirs = dirs, .first = true};
	char *part = known->path;
	size_t i;

	if (path[0] != '/' || len >= sizeof known->path) {
		err_set(err, EINVAL, "%.64s is not an absolute path", path);
		return false;
	}
	i = known_part(known, path, len);
	if (i && i == len)
		return true;
	known->len = 0;
	memcpy(part, path, len);
	if (i == 0 && check_component("/", &walk, err) < 0)
		return false;
	for (i = i ? i : 1; i <= len; i++) {
		if (i < len && path[i] != '/')
			continue;
		part[i] = '\0';
		if (check_component(part, &walk, err) < 0)
			return false;
		part[i] = '/';
	}
	known->len = len;
	return true;
}

bool trust_file(const char *path, struct err *err)
{
	struct trusted none = {0};

	return check_path(&none, path, strlen(path), false, err);
}

bool trust_dir(struct trusted *known, const char *path, struct err *err)
{
	return check_path(known, path, strlen(path), true, err);
}

bool trust_dir_of(struct trusted *known, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');

	return check_path(known, path, slash ? (size_t)(slash - path) : 0, true, err);
}

bool trust_fixed_dir(struct trusted *known, const char *path, struct err *err)
{
	struct stat st;

	if (!trust_dir_of(known, path, err))
		return false;
	if (lstat(path, &st) < 0) {
		err_sys(err, errno, "cannot stat %s", path);
		return false;
	}
	return refuse_kind(path, &st, err) == 0;
}
