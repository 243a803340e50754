#include "wrapper/view.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/mount_id.h"
#include "base/overlay.h"
#include "base/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* And nobody else can write it. */
static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int view_check(const struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->ncovers; i++) {
		const char *layer = plan->covers[i].layer;
		struct stat st;

		if (strncmp(layer, PINLIB_LAYERS "/", strlen(PINLIB_LAYERS) + 1) != 0)
			return err_set(err, EPERM, "%s is no layer", layer);
		if (lstat(layer, &st) < 0)
			return err_sys(err, errno, "the layer %s (run 'pinlib doctor')", layer);
		if (!S_ISDIR(st.st_mode) || !is_roots(&st))
			return err_set(err, EPERM, "the layer %s is not root's alone", layer);
	}
	return 0;
}

size_t view_descriptors(const struct mounts *mounts)
{
	return 3 + mounts->nbelow; /* wrapper, program; the mount table, if it is read late */
}

/* Whether a mount is to be seen at path: to set what view_private sets changes nothing, and
 * is refused for what is no mount's root. */
static bool is_mount(const char *path)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID};

	return sys_mount_setattr(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &attr, sizeof attr) == 0;
}

/* -- the wrapper's directory -- */

/* What is not known is not honoured. */
static unsigned long flags_of(int fd)
{
	struct statvfs vfs;

	return fstatvfs(fd, &vfs) == 0 ? vfs.f_flag : ST_NOSUID;
}

/* What makes the wrapper keep its privilege in a view, or no wrapped program could start another.
 * Nobody can write there. It is the wrapper's directory, and not the file: an upgrade of pinlib
 * renames a new wrapper over the old one, which would detach a mount of the file from every view
 * that is running. So it must hold what the administrator installed and nothing else: 'pinlib set'
 * sees to that. A slave from the start: what it is a copy of may still be the host's peer. */
static int pick_up_wrapper(struct mounts *mounts, struct err *err)
{
	const struct mount_attr exempt = {
		.attr_set = MOUNT_ATTR_RDONLY,
		.propagation = MS_PROPAGATION_SLAVE,
	};
	AUTO_FD int fd = mount_pick_up(PINLIB_LIBDIR, 0, err);
	struct stat dir;
	int done;

	if (fd < 0)
		return fd;
	/* The file needs no look: the kernel takes the capability from what is written to. */
	if (fstat(fd, &dir) < 0)
		return err_sys(err, errno, "cannot stat %s", PINLIB_LIBDIR);
	if (!S_ISDIR(dir.st_mode) || !is_roots(&dir))
		return err_set(err, EPERM, "%s is not root's alone", PINLIB_LIBDIR);
	if (!mounts->read)
		mounts->on_wrapper = is_mount(PINLIB_LIBDIR);
	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH, &exempt, sizeof exempt) < 0)
		return err_sys(err, errno, "cannot set the attributes of %s", PINLIB_LIBDIR);
	if (!(flags_of(fd) & ST_RDONLY))
		return err_set(err, EPERM, "the attributes of %s were set and are not",
			       PINLIB_LIBDIR);
	done = fd;
	fd = -1;
	return done;
}

/* What lies on the directory already is made exempt where it lies, if it was before: nested views
 * would pile up one mount each. It may have gone with an inherited cover, or be hidden by one of
 * ours. */
static int put_down_wrapper(int fd, const struct mounts *mounts, struct err *err)
{
	const struct mount_attr again = {
		.attr_set = MOUNT_ATTR_RDONLY,
		.attr_clr =
			mounts->on_wrapper && !(flags_of(fd) & ST_NOSUID) ? MOUNT_ATTR_NOSUID : 0,
	};

	if (mounts->on_wrapper && sys_mount_setattr(AT_FDCWD, PINLIB_LIBDIR, AT_SYMLINK_NOFOLLOW,
						    &again, sizeof again) == 0)
		return 0;
	return mount_put_down(fd, PINLIB_LIBDIR, err);
}

/* -- the namespace -- */

/* One call for both. Propagation first of all: while the copies are still peers of the host's
 * mounts, what is mounted here would appear there. Not MS_PRIVATE: a medium that is unmounted on
 * the host must not stay busy here. */
static struct mount_attr cut_off = {
	.attr_set = MOUNT_ATTR_NOSUID,
	.propagation = MS_PROPAGATION_SLAVE,
};

static int set_cut_off(void)
{
	return sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &cut_off, sizeof cut_off);
}

const char *view_refused(void)
{
	uint64_t right = cut_off.attr_set;
	int r, errnum;

	cut_off.attr_set = UINT64_C(1) << 63; /* no attribute */
	r = set_cut_off();
	errnum = errno;
	cut_off.attr_set = right;
	if (r == 0)
		return "a system-call filter that this process inherited fakes mount_setattr(2)";
	return errnum == ENOSYS ? "the kernel is older than Linux 5.12" : NULL;
}

/* A namespace of our own. If it were not, the host's mounts would be changed next. */
static int leave_namespace(struct err *err)
{
	uint64_t before, after;
	int r = mount_id(AT_FDCWD, "/", 0, &before);

	if (r < 0)
		return err_sys(err, -r, "cannot tell which mount / is");
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot make a mount namespace%s",
			       errno == ENOSPC ? " (user.max_mnt_namespaces)" : "");
	r = mount_id(AT_FDCWD, "/", 0, &after);
	if (r < 0 || after == before)
		return err_set(err, EPERM,
			       "the mount namespace is still the caller's (a system-call filter "
			       "that fakes unshare(2)?)");
	return 0;
}

int view_private(struct mounts *mounts, int *wrapper, struct err *err)
{
	int r = leave_namespace(err);

	if (r < 0)
		return r;
	/* Before it is nosuid: what the live system does not honour is not exempt either. */
	*wrapper = pick_up_wrapper(mounts, err);
	if (*wrapper < 0)
		return *wrapper;
	if (set_cut_off() == 0)
		return 0;
	if (errno == EINVAL)
		return err_sys(err, errno,
			       "cannot make the mounts private: is / no mount point (a chroot)?");
	return err_sys(err, errno, "cannot make the mounts private");
}

/* What is gone by now ('pinlib unset' renames over mount points) is gone; but in a user namespace
 * younger than the view its mounts are locked (EINVAL too), and the pins of another program would
 * be taken for the live system. */
static int strip(const char *point, struct err *err)
{
	uint64_t before = mount_id_at(point, AT_SYMLINK_NOFOLLOW);

	if (sys_umount(point) < 0) {
		if (!is_mount(point))
			return 0;
		return err_set(err, EPERM,
			       "cannot leave the view's mount on %s: it is locked (a user "
			       "namespace inside the view?)",
			       point);
	}
	if (mount_id_at(point, AT_SYMLINK_NOFOLLOW) == before)
		return err_set(err, EPERM, "the view's mount on %s was taken away and is there",
			       point);
	return 0;
}

int view_strip(const struct mounts *mounts, struct err *err)
{
	/* Backwards: what was mounted last may lie on what was mounted before. */
	for (size_t i = mounts->ninherited; i-- > 0;) {
		int r = strip(mounts->inherited[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* -- the whole -- */

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
		fds[i] = wanted ? mount_pick_up(mounts->below[i], AT_RECURSIVE_MOUNTS, err) : -1;
		if (wanted && fds[i] < 0)
			return fds[i];
	}
	return 0;
}

/* Whether something is mounted below target, or that cannot be told. The directory, with all that
 * lies on it, is bound onto itself, and MNT_EXPIRE asks whether that mount is in use, as it is by
 * one on it (umount(2)): the first time it marks what is not, and takes nothing away. The bind
 * stays, beneath the overlay: it is the same directory, and to unmount it means to wait for all
 * processors. Where a mount is there already, which may be the bind of a view that was left
 * (exec --host), that one is asked: binds would pile up. No mount of a new namespace is marked. */
static bool bears_mounts(const char *target)
{
	if (sys_umount_expired(target) < 0 && errno != EINVAL)
		return errno != EAGAIN;
	return sys_mount(target, target, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	       sys_umount_expired(target) == 0 || errno != EAGAIN;
}

static int learn_mounts(const struct plan *plan, struct mounts *mounts, struct err *err)
{
	bool matter;

	if (mounts->read)
		return 0;
	/* What gives this answer of a place that is none does not look (view_refused). */
	matter = sys_umount_expired("") == 0 || errno == EAGAIN;
	for (size_t i = 0; i < plan->ncovers && !matter; i++)
		matter = bears_mounts(plan->covers[i].target);
	return matter ? mounts_read(plan, mounts, err) : 0;
}

static int lay_covers(const struct plan *plan, struct mounts *mounts, struct err *err)
{
	static int below[MOUNTS_MAX];
	int r = learn_mounts(plan, mounts, err);

	if (r == 0)
		r = pick_up_below(mounts, below, err);
	for (size_t i = 0; r == 0 && i < plan->ncovers; i++)
		r = overlay_cover(plan->covers[i].target, plan->covers[i].layer, plan->label, err);
	for (size_t i = 0; r == 0 && i < mounts->nbelow; i++) {
		if (below[i] < 0)
			continue;
		r = mount_put_down(below[i], mounts->below[i], err);
		if (r == 0 && !mount_is_at(below[i], mounts->below[i]))
			r = err_set(err, EPERM, "%s was mounted again and is not there",
				    mounts->below[i]);
		close(below[i]);
	}
	return r;
}

static int lay_plan(const struct plan *plan, struct mounts *mounts, int real, int wrapper,
		    struct err *err)
{
	int r = lay_covers(plan, mounts, err);

	if (r == 0)
		r = put_down_wrapper(wrapper, mounts, err);
	/* move_mount(2) does not follow the link at the app's path: the mount lies on the link
	 * itself, so the program's own name for itself is the app's path. */
	return r < 0 ? r : mount_put_down(real, plan->app, err);
}

int view_lay(const struct plan *plan, struct mounts *mounts, int wrapper, struct err *err)
{
	AUTO_FD int real = -1;

	if (!plan)
		return put_down_wrapper(wrapper, mounts, err);
	/* It may lie under a cover: it is picked up from the live system. */
	real = mount_pick_up(plan->real, 0, err);
	if (real == -ENOENT)
		return -ESTALE;
	return real < 0 ? real : lay_plan(plan, mounts, real, wrapper, err);
}
