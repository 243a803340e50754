#include "wrapper/namespace.h"

#include "base/cleanup.h"
#include "base/cover.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/paths.h"
#include "base/trust.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

/* And nobody else can write it. */
static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int namespace_check_layers(const struct plan *plan, struct err *err)
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

int namespace_check_paths(const struct plan *plan, struct err *err)
{
	static struct trusted known; /* static: a wrapper's stack is the smaller, the faster */

	known.len = 0;
	if (!trust_dir(&known, PINLIB_LIBDIR, err))
		return -EPERM;
	if (!plan)
		return 0;
	if (!trust_dir_of(&known, plan->real, err) || !trust_dir_of(&known, plan->app, err))
		return -EPERM;
	for (size_t i = 0; i < plan->ncovers; i++)
		if (!trust_fixed_dir(&known, plan->covers[i].target, err))
			return -EPERM;
	return 0;
}

/* -- the wrapper's directory -- */

/* What is not known is not honoured. */
static unsigned long flags_of(int fd)
{
	struct statvfs vfs;

	return fstatvfs(fd, &vfs) == 0 ? vfs.f_flag : ST_NOSUID;
}

/* What makes the wrapper keep its privilege in a view, or no wrapped program could start another.
 * Nobody can write there (namespace_check_paths), nor to the file: the kernel takes the capability from
 * what is written to. It is the wrapper's directory, and not the file: an upgrade of pinlib
 * renames a new wrapper over the old one, which would detach a mount of the file from every view
 * that is running. So it must hold what the administrator installed and nothing else: 'pinlib set'
 * sees to that. A slave from the start: what it is a copy of may still be the host's peer. */
static int pick_up_wrapper(struct err *err)
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
	if (fstat(fd, &dir) < 0)
		return err_sys(err, errno, "cannot stat %s", PINLIB_LIBDIR);
	if (!is_roots(&dir))
		return err_set(err, EPERM, "%s is not root's alone", PINLIB_LIBDIR);
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
 * would pile up one mount each. */
static int put_down_wrapper(int fd, struct err *err)
{
	const struct mount_attr again = {
		.attr_set = MOUNT_ATTR_RDONLY,
		.attr_clr = flags_of(fd) & ST_NOSUID ? 0 : MOUNT_ATTR_NOSUID,
	};

	if (mount_is_root(PINLIB_LIBDIR) &&
	    sys_mount_setattr(AT_FDCWD, PINLIB_LIBDIR, AT_SYMLINK_NOFOLLOW, &again, sizeof again) ==
		    0)
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

const char *namespace_refused(void)
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

/* Two kinds of propagation at once, which the kernel refuses once it has asked its security modules
 * whether this process may mount at all. EACCES says nothing: others decide by kind of mount. Nor does
 * EPERM where the capability does not hold for the caller's namespace, of which none of them is
 * asked; there mount_setattr(2), asked to change nothing, is refused too. */
const char *namespace_forbidden(void)
{
	const struct mount_attr nothing = {0};

	if (sys_mount(NULL, "/", NULL, MS_SHARED | MS_PRIVATE, NULL) < 0 && errno == EPERM &&
	    sys_mount_setattr(AT_FDCWD, "/", 0, &nothing, sizeof nothing) == 0)
		return "a security module (landlock?) lets this process mount nothing";
	return NULL;
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

/* Who supervises the caller's calls can say of any that it was made, but not write our memory: what was
 * set is read back, where it was not set before. */
static int verify_cut_off(struct err *err)
{
	struct statfs root = {0};

	if (statfs("/", &root) < 0 || !(root.f_flags & ST_VALID) || !(root.f_flags & ST_NOSUID))
		return err_set(err, EPERM,
			       "the mounts were made private and are not (a supervisor of system "
			       "calls that fakes mount_setattr(2)?)");
	return 0;
}

int namespace_private(int *wrapper, struct err *err)
{
	int r = leave_namespace(err);

	if (r < 0)
		return r;
	/* Before it is nosuid: what the live system does not honour is not exempt either. */
	*wrapper = pick_up_wrapper(err);
	if (*wrapper < 0)
		return *wrapper;
	if (set_cut_off() == 0)
		return verify_cut_off(err);
	if (errno == EINVAL)
		return err_sys(err, errno,
			       "cannot make the mounts private: is / no mount point (a chroot)?");
	return err_sys(err, errno, "cannot make the mounts private");
}

/* By name: root alone decides where it leads, now as when the mount was made. What is gone by now
 * ('pinlib unset' renames over mount points) is gone; but in a user namespace younger than the view
 * its mounts are locked (EINVAL too), and the pins of another program would be taken for the live
 * system. */
static int strip(const char *point, struct err *err)
{
	struct trusted none = {0};
	struct mount_place place;
	int r = mount_look(AT_FDCWD, point, AT_SYMLINK_NOFOLLOW, &place);

	if (r == -EPERM)
		return err_set(err, EPERM, "cannot tell which mount is on %s", point);
	if (r < 0 || !place.root)
		return 0;
	if (!trust_dir_of(&none, point, err))
		return err_wrap(err, -EPERM, "cannot leave the view's mount on %s", point);
	if (sys_umount(point) < 0) {
		if (!mount_is_root(point))
			return 0;
		return err_set(err, EPERM,
			       "cannot leave the view's mount on %s: it is locked (a user "
			       "namespace inside the view?)",
			       point);
	}
	if (mount_id_at(point, AT_SYMLINK_NOFOLLOW) == place.id)
		return err_set(err, EPERM, "the view's mount on %s was taken away and is there",
			       point);
	return 0;
}

int namespace_strip(const struct mounts *mounts, struct err *err)
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

static int lay_plan(const struct plan *plan, int real, int wrapper, struct err *err)
{
	int r = covers_lay(plan->covers, plan->ncovers, plan->label, err);

	if (r == 0)
		r = put_down_wrapper(wrapper, err);
	/* move_mount(2) does not follow the link at the app's path: the mount lies on the link
	 * itself, so the program's own name for itself is the app's path. */
	return r < 0 ? r : mount_put_down(real, plan->app, err);
}

int namespace_lay(const struct plan *plan, int wrapper, struct err *err)
{
	AUTO_FD int real = -1;

	if (!plan)
		return put_down_wrapper(wrapper, err);
	/* It may lie under a cover: it is picked up from the live system. */
	real = mount_pick_up(plan->real, 0, err);
	if (real == -ENOENT)
		return -ESTALE;
	return real < 0 ? real : lay_plan(plan, real, wrapper, err);
}
