#include "labeler/enter.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/overlay.h"
#include "base/path.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

/* To set what make_private has set changes nothing, and is refused for what is no mount's root:
 * one that another mount hides, say. */
static bool is_seen(const char *path)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID};

	return sys_mount_setattr(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &attr, sizeof attr) == 0;
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

int enter_sight(const struct sight *sight, struct err *err)
{
	CLEANUP(below_free) struct below below = {0};
	AUTO_FD int real = -1;
	int r = make_private(err);

	if (r == 0 && sight->real) {
		real = mount_pick_up(sight->real, 0, err);
		r = real < 0 ? real : 0;
	}
	if (r == 0 && sight->ncovers)
		r = pick_up_below(sight, &below, err);
	for (size_t i = 0; r == 0 && i < sight->ncovers; i++)
		r = overlay_cover(sight->covers[i].target, sight->covers[i].layer, sight->label,
				  err);
	for (size_t i = 0; r == 0 && i < below.count; i++)
		r = mount_put_down(below.fds[i], below.paths[i], err);
	return r < 0 || real < 0 ? r : mount_put_down(real, sight->app, err);
}
