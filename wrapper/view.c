#include "wrapper/view.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "wrapper/kernel.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define CLONE_OF (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW)
#define PUT_DOWN_TRIES 16
#define FSCONFIG_VALUE_MAX 256 /* with the NUL: strndup_user in the kernel's fs/fsopen.c */

int view_check(const struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->ncovers; i++) {
		const char *layer = plan->covers[i].layer;
		struct stat st;

		if (strncmp(layer, PINLIB_LAYERS "/", strlen(PINLIB_LAYERS) + 1) != 0)
			return err_set(err, EPERM, "%s is no layer", layer);
		if (lstat(layer, &st) < 0)
			return err_sys(err, errno, "the layer %s (run 'pinlib verify')", layer);
		if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
			return err_set(err, EPERM, "the layer %s is not root's alone", layer);
	}
	return 0;
}

int view_private(struct err *err)
{
	/* One call for both. Propagation first of all: while the copies are still peers of the
	 * host's mounts, what is mounted here would appear there. Not MS_PRIVATE: a medium
	 * that is unmounted on the host must not stay busy here. */
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID,
		.propagation = MS_PROPAGATION_SLAVE,
	};

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot make a mount namespace");
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0) {
		if (errno == EINVAL)
			return err_sys(err, errno,
				       "cannot make the mounts private: is / no mount point (a "
				       "chroot)?");
		return err_sys(err, errno, "cannot make the mounts private");
	}
	return 0;
}

/* Whether a mount is to be seen at path: to set what view_private has set changes nothing, and
 * is refused for what is no mount's root. */
static bool is_mount(const char *path)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID};

	return sys_mount_setattr(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &attr, sizeof attr) == 0;
}

int view_strip(const struct mounts *mounts, struct err *err)
{
	/* Backwards: what was mounted last may lie on what was mounted before. What is gone
	 * by now ('pinlib unset' renames over mount points) is gone; but in a user namespace
	 * younger than the view its mounts are locked (EINVAL too), and the pins of another
	 * program would be taken for the live system. */
	for (size_t i = mounts->ninherited; i-- > 0;)
		if (sys_umount(mounts->inherited[i]) < 0 && is_mount(mounts->inherited[i]))
			return err_set(err, EPERM,
				       "cannot leave the view's mount on %s: it is locked (a user "
				       "namespace inside the view?)",
				       mounts->inherited[i]);
	return 0;
}

/* -- one overlay -- */

/* What the kernel has to say beyond errno: "e overlay: ..." lines, the first of which is taken. */
static int overlay_error(int fs, int errnum, const char *target, struct err *err)
{
	char log[256];
	ssize_t n = read(fs, log, sizeof log - 1);

	if (n > 2) {
		log[n] = '\0';
		log[strcspn(log, "\n")] = '\0';
		return err_sys(err, errnum, "cannot cover %s (%s)", target, log + 2);
	}
	return err_sys(err, errnum, "cannot cover %s", target);
}

static int set(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value) < 0 ? -errno : 0;
}

/* One layer a parameter, as Linux 6.7 and later take it: no character of a name is special. */
static int set_lowers(int fs, const char *layer, const char *target)
{
	int r = set(fs, "lowerdir+", layer);

	return r < 0 ? r : set(fs, "lowerdir+", target);
}

/* The older way has separators, so names that hold one are refused rather than misread. */
static int set_lowers_joined(int fs, const char *layer, const char *target)
{
	char both[FSCONFIG_VALUE_MAX];
	int n = snprintf(both, sizeof both, "%s:%s", layer, target);

	if (n < 0 || (size_t)n >= sizeof both)
		return -ENAMETOOLONG;
	if (strpbrk(target, ":,\\"))
		return -EINVAL;
	return set(fs, "lowerdir", both);
}

/* A file system context that holds the whole overlay, not yet mounted. Returns the descriptor. */
static int overlay_context(const struct plan *plan, size_t cover, bool joined, struct err *err)
{
	static const char *const options[][2] = {
		/* A layer or a live directory with overlay attributes must not redirect a look-up;
		 * and nothing that needs an upper layer is wanted. */
		{"redirect_dir", "nofollow"},
		{"metacopy", "off"},
		{"index", "off"},
		{"xino", "off"},
	};
	const char *layer = plan->covers[cover].layer, *target = plan->covers[cover].target;
	char source[FSCONFIG_VALUE_MAX];
	AUTO_FD int fs = sys_fsopen("overlay");
	int r, done;

	if (fs < 0)
		return err_sys(err, errno, "cannot use overlayfs");
	snprintf(source, sizeof source, "%s%s", PINLIB_SOURCE, plan->label);
	r = set(fs, "source", source);
	if (r == 0)
		r = joined ? set_lowers_joined(fs, layer, target) : set_lowers(fs, layer, target);
	for (size_t i = 0; r == 0 && i < sizeof options / sizeof *options; i++)
		r = set(fs, options[i][0], options[i][1]);
	if (r == 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		r = -errno;
	if (r < 0)
		return overlay_error(fs, -r, target, err);
	done = fs;
	fs = -1;
	return done;
}

static int lay_cover(const struct plan *plan, size_t cover, struct err *err)
{
	const char *target = plan->covers[cover].target;
	unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct statvfs live;
	AUTO_FD int fs = -1, mount = -1;

	/* The administrator's noexec holds for the live files under it too. */
	if (statvfs(target, &live) < 0)
		return err_sys(err, errno, "cannot cover %s", target);
	if (live.f_flag & ST_NOEXEC)
		attributes |= MOUNT_ATTR_NOEXEC;
	fs = overlay_context(plan, cover, false, err);
	if (fs == -EINVAL)
		fs = overlay_context(plan, cover, true, err);
	if (fs < 0)
		return fs;
	mount = sys_fsmount(fs, attributes);
	if (mount < 0)
		return overlay_error(fs, errno, target, err);
	if (sys_move_mount(mount, target) < 0)
		return err_sys(err, errno, "cannot cover %s", target);
	return 0;
}

/* -- the whole -- */

/* A mount that is picked up before the covers are laid, and put down after. */
static int pick_up(const char *path, unsigned flags, struct err *err)
{
	int fd = sys_open_tree(AT_FDCWD, path, CLONE_OF | flags);

	return fd < 0 ? err_sys(err, errno, "cannot take up %s", path) : fd;
}

static int put_down(int fd, const char *path, struct err *err)
{
	/* ENOENT: what lay at the path was replaced between the kernel's look-up and its mount, as
	 * 'pinlib set' and 'unset' do by rename(2). The next look-up finds what came. */
	for (int tries = 0; sys_move_mount(fd, path) < 0; tries++)
		if (errno != ENOENT || tries == PUT_DOWN_TRIES)
			return err_sys(err, errno, "cannot show %s", path);
	return 0;
}

/* The wrapper itself is the one file in a view that keeps its privilege, or no wrapped program
 * could start another. So it must be what the administrator installed, and nobody can write it
 * here. */
static int pick_up_wrapper(struct err *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = MOUNT_ATTR_NOSUID};
	AUTO_FD int fd = pick_up(PINLIB_WRAPPER, 0, err);
	struct stat st;
	int done;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", PINLIB_WRAPPER);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "%s is not root's alone", PINLIB_WRAPPER);
	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "cannot set the attributes of %s", PINLIB_WRAPPER);
	done = fd;
	fd = -1;
	return done;
}

static bool below_path(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* The administrator's mounts that an overlay would hide, picked up with all that lies on them.
 * fds[i] is -1 for one that another brings along, and for one that cannot be seen by this
 * caller: hidden by a later mount, or in a directory that they may not enter. */
static int pick_up_below(const struct mounts *mounts, int *fds, struct err *err)
{
	static bool seen[MOUNTS_MAX];

	for (size_t i = 0; i < mounts->nbelow; i++)
		seen[i] = is_mount(mounts->below[i]);
	for (size_t i = 0; i < mounts->nbelow; i++) {
		bool wanted = seen[i];

		for (size_t k = 0; k < mounts->nbelow && wanted; k++)
			wanted = !seen[k] || !below_path(mounts->below[i], mounts->below[k]);
		fds[i] = wanted ? pick_up(mounts->below[i], AT_RECURSIVE_MOUNTS, err) : -1;
		if (wanted && fds[i] < 0)
			return fds[i];
	}
	return 0;
}

static int lay_covers(const struct plan *plan, const struct mounts *mounts, struct err *err)
{
	static int below[MOUNTS_MAX];
	int r = pick_up_below(mounts, below, err);

	for (size_t i = 0; r == 0 && i < plan->ncovers; i++)
		r = lay_cover(plan, i, err);
	for (size_t i = 0; r == 0 && i < mounts->nbelow; i++) {
		if (below[i] < 0)
			continue;
		r = put_down(below[i], mounts->below[i], err);
		close(below[i]);
	}
	return r;
}

static int lay_plan(const struct plan *plan, const struct mounts *mounts, int real, int wrapper,
		    struct err *err)
{
	int r = lay_covers(plan, mounts, err);

	if (r == 0)
		r = put_down(wrapper, PINLIB_WRAPPER, err);
	/* move_mount(2) does not follow the link at the app's path: the mount lies on the link
	 * itself, so the program's own name for itself is the app's path. */
	return r < 0 ? r : put_down(real, plan->app, err);
}

int view_lay(const struct plan *plan, const struct mounts *mounts, struct err *err)
{
	/* Both may lie under a cover: they are picked up from the live system. */
	AUTO_FD int wrapper = pick_up_wrapper(err), real = -1;

	if (wrapper < 0)
		return wrapper;
	if (!plan)
		return put_down(wrapper, PINLIB_WRAPPER, err);
	real = pick_up(plan->real, 0, err);
	if (real == -ENOENT)
		return -ESTALE;
	return real < 0 ? real : lay_plan(plan, mounts, real, wrapper, err);
}
