#include "labeler/enter.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/overlay.h"
#include "base/path.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void cleanup_table(struct libmnt_table **t)
{
	mnt_unref_table(*t);
}

static void cleanup_iter(struct libmnt_iter **i)
{
	mnt_free_iter(*i);
}

static int make_private(struct err *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID,
		.propagation = MS_PROPAGATION_SLAVE,
	};

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot make a mount namespace");
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "cannot make the mounts private");
	return 0;
}

/* The administrator's mounts below covered directories: an overlay would hide them. */
struct below {
	char **paths;
	int *fds;
	size_t count;
};

static void below_free(struct below *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->paths[i]);
		cleanup_fd(&b->fds[i]);
	}
	free(b->paths);
	free(b->fds);
}

static bool is_covered(const struct sight *sight, const char *path)
{
	for (size_t i = 0; i < sight->ncovers; i++)
		if (strcmp(path, sight->covers[i].target) != 0 &&
		    path_below(path, sight->covers[i].target))
			return true;
	return false;
}

/* One that lies below another comes along with it. */
static bool comes_along(const struct below *b, const char *path)
{
	for (size_t i = 0; i < b->count; i++)
		if (path_below(path, b->paths[i]))
			return true;
	return false;
}

/* Not one that another mount hides. */
static bool is_seen(const char *path)
{
	struct statx stx;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, 0, &stx) == 0 &&
	       (stx.stx_attributes_mask & stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int pick_up(struct below *b, const char *path, struct err *err)
{
	char **paths = reallocarray(b->paths, b->count + 1, sizeof *paths);
	int *fds;

	if (!paths)
		return err_nomem(err);
	b->paths = paths;
	fds = reallocarray(b->fds, b->count + 1, sizeof *fds);
	if (!fds)
		return err_nomem(err);
	b->fds = fds;
	fds[b->count] = mount_pick_up(path, AT_RECURSIVE_MOUNTS, err);
	if (fds[b->count] < 0)
		return fds[b->count];
	paths[b->count] = strdup(path);
	if (!paths[b->count]) {
		close(fds[b->count]);
		return err_nomem(err);
	}
	b->count++;
	return 0;
}

/* The table has a mount before those that lie on it. */
static int pick_up_below(const struct sight *sight, struct below *b, struct err *err)
{
	CLEANUP(cleanup_table) struct libmnt_table *table = mnt_new_table();
	CLEANUP(cleanup_iter) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	if (!table || !iter)
		return err_nomem(err);
	if (mnt_table_parse_file(table, "/proc/self/mountinfo") != 0)
		return err_set(err, EIO, "cannot read /proc/self/mountinfo");
	while (mnt_table_next_fs(table, iter, &fs) == 0) {
		const char *path = mnt_fs_get_target(fs);
		int r = 0;

		if (path && is_covered(sight, path) && !comes_along(b, path) && is_seen(path))
			r = pick_up(b, path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Where path is to be seen: at its own place, or below the place of the directory that it is in.
 */
static int place_of(const struct sight *sight, const char *const *places, const char *path,
		    char out[PATH_MAX], struct err *err)
{
	const char *dir = "", *place = "";

	for (size_t i = 0; places && i < sight->ncovers; i++)
		if (path_below(path, sight->covers[i].target) &&
		    strlen(sight->covers[i].target) > strlen(dir)) {
			dir = sight->covers[i].target;
			place = places[i];
		}
	if (places && !*dir)
		return err_set(err, EINVAL, "%s is in none of the view's directories", path);
	if (snprintf(out, PATH_MAX, "%s%s", place, path + strlen(dir)) >= PATH_MAX)
		return err_sys(err, ENAMETOOLONG, "%s%s", place, path);
	return 0;
}

static int put_down(const struct sight *sight, const char *const *places, int fd, const char *path,
		    struct err *err)
{
	char place[PATH_MAX];
	int r = place_of(sight, places, path, place, err);

	return r < 0 ? r : mount_put_down(fd, place, err);
}

int lay_sight(const struct sight *sight, const char *const *places, struct err *err)
{
	CLEANUP(below_free) struct below below = {0};
	AUTO_FD int real = -1;
	int r = 0;

	if (sight->real) {
		real = mount_pick_up(sight->real, 0, err);
		r = real < 0 ? real : 0;
	}
	if (r == 0 && sight->ncovers)
		r = pick_up_below(sight, &below, err);
	for (size_t i = 0; r == 0 && i < sight->ncovers; i++)
		r = overlay_cover_at(places ? places[i] : sight->covers[i].target,
				     sight->covers[i].target, sight->covers[i].layer, sight->label,
				     err);
	for (size_t i = 0; r == 0 && i < below.count; i++)
		r = put_down(sight, places, below.fds[i], below.paths[i], err);
	return r < 0 || real < 0 ? r : put_down(sight, places, real, sight->app, err);
}

int enter_sight(const struct sight *sight, struct err *err)
{
	int r = make_private(err);

	return r < 0 ? r : lay_sight(sight, NULL, err);
}
