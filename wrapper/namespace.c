#include "wrapper/namespace.h"

#include "base/cleanup.h"
#include "base/cover.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/paths.h"
#include "base/trust.h"
#include "wrapper/limits.h"
#include "wrapper/peers.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#define PICK_UP_TRIES 8 /* each needs an unset and a set in between */

/* Whether only root can write it. */
static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int namespace_check_layers(const struct plan *plan, struct err *err)
{
	if (plan_is_supplied(plan) && !mount_is_in_layers(plan->program))
		return err_set(err, EPERM, "%s is not in a layer", plan->program);
	for (size_t i = 0; i < plan->ncovers; i++) {
		const char *layer = plan->covers[i].layer;
		struct stat st;

		if (!mount_is_in_layers(layer))
			return err_set(err, EPERM, "%s is not a layer", layer);
		if (lstat(layer, &st) < 0)
			return err_sys(err, errno, "cannot stat the layer %s (run 'pinlib doctor')",
				       layer);
		if (!S_ISDIR(st.st_mode) || !is_roots(&st))
			return err_set(err, EPERM,
				       "the layer %s is not a directory that only root can write",
				       layer);
	}
	return 0;
}

int namespace_check_paths(const struct plan *plan, struct err *err)
{
	static struct trusted known; /* static: a smaller stack makes the wrapper start faster */

	known.len = 0;
	if (!trust_dir(&known, PINLIB_LIBDIR, err))
		return -EPERM;
	if (!plan)
		return 0;
	if (!trust_dir_of(&known, plan->program, err))
		return -EPERM;
	/* A path of a version is in a cover, whose layer has all directories that lead to it. */
	if (strcmp(plan->at, plan->app) == 0 && !trust_dir_of(&known, plan->app, err))
		return -EPERM;
	for (size_t i = 0; i < plan->ncovers; i++)
		if (!trust_fixed_dir(&known, plan->covers[i].target, err))
			return -EPERM;
	return 0;
}

/* -- the wrapper's directory -- */

/* ST_NOSUID if the flags cannot be read: then the mount is not exempt. */
static unsigned long flags_of(int fd)
{
	struct statvfs vfs;

	return fstatvfs(fd, &vfs) == 0 ? vfs.f_flag : ST_NOSUID;
}

/* Copies the mount of the wrapper's directory, so that the wrapper keeps its capability in a view and wrapped programs
 * can start others. Only root can write there (namespace_check_paths), and the kernel removes the capability of a file
 * that is written to. The directory and not the file: an upgrade of pinlib renames a new wrapper over the old one, which
 * would detach a mount of the file from each running view. So the directory must hold no other file with
 * privileges, which 'pinlib set' checks. The copy becomes a slave at once, as its source may still be the host's peer. */
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
		return err_set(err, EPERM, "%s can be written by users other than root",
			       PINLIB_LIBDIR);
	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH, &exempt, sizeof exempt) < 0)
		return err_sys(err, errno, "cannot set the attributes of %s", PINLIB_LIBDIR);
	if (!(flags_of(fd) & ST_RDONLY))
		return err_set(err, EPERM, "the attributes of %s were set but are not there",
			       PINLIB_LIBDIR);
	done = fd;
	fd = -1;
	return done;
}

/* If the directory is a mount already, that mount is made exempt in place if it was before: nested views would otherwise
 * add one mount each. */
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

/* One call for both. Propagation must change before anything is mounted: while the copies are peers of the host's mounts,
 * new mounts would appear there. Not MS_PRIVATE: a medium that the host unmounts must not stay busy here. */
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

	cut_off.attr_set = UINT64_C(1) << 63; /* there is no such attribute */
	r = set_cut_off();
	errnum = errno;
	cut_off.attr_set = right;
	if (r == 0)
		return "a system-call filter that this process inherited fakes mount_setattr(2)";
	return errnum == ENOSYS ? "the kernel is older than Linux 5.12" : NULL;
}

/* Asks for two kinds of propagation at once, which the kernel refuses, but only after its security modules allowed this
 * process to mount. EACCES proves nothing: some modules decide by the kind of mount. EPERM proves nothing if the
 * capability does not apply to this namespace, as then no module was asked; in that case a mount_setattr(2) that changes
 * nothing fails, too. */
const char *namespace_forbidden(void)
{
	const struct mount_attr nothing = {0};

	if (sys_mount(NULL, "/", NULL, MS_SHARED | MS_PRIVATE, NULL) < 0 && errno == EPERM &&
	    sys_mount_setattr(AT_FDCWD, "/", 0, &nothing, sizeof nothing) == 0)
		return "a security module (landlock?) lets this process mount nothing";
	return NULL;
}

/* Enters a new namespace, and checks that it is new: otherwise the next steps would change the host's mounts. */
static int new_namespace(struct err *err)
{
	uint64_t before, after;
	int r = mount_id(AT_FDCWD, "/", 0, &before);

	if (r < 0)
		return err_sys(err, -r, "cannot tell which mount / is on");
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot create a mount namespace%s",
			       errno == ENOSPC ? " (user.max_mnt_namespaces)" : "");
	r = mount_id(AT_FDCWD, "/", 0, &after);
	if (r < 0 || after == before)
		return err_set(err, EPERM,
			       "the mount namespace is still the caller's (a system-call filter "
			       "that fakes unshare(2)?)");
	return 0;
}

/* A supervisor of the caller's system calls (seccomp_unotify(2)) can fake the success of any call, but cannot write to
 * our memory: so the attribute is read back. Where it was set before, in a view, the call is made twice instead. */
static int verify_cut_off(bool was_set, struct err *err)
{
	struct statfs root = {0};

	if (was_set)
		return set_cut_off() < 0
			       ? err_sys(err, errno, "cannot make the mounts private again")
			       : 0;
	if (statfs("/", &root) < 0 || !(root.f_flags & ST_VALID) || !(root.f_flags & ST_NOSUID))
		return err_set(err, EPERM,
			       "the mounts were made private but are not (a supervisor of system "
			       "calls that fakes mount_setattr(2)?)");
	return 0;
}

/* Makes all mounts nosuid, and cuts them off unless peers says that those that matter are. */
static int cut_off_all(bool peers, bool in_view, struct err *err)
{
	if (peers)
		cut_off.propagation = 0;
	if (set_cut_off() == 0)
		return verify_cut_off(in_view, err);
	if (errno == EINVAL)
		return err_sys(
			err, errno,
			"cannot make the mounts private: / is not a mount point (a chroot?)");
	return err_sys(err, errno, "cannot make the mounts private");
}

int namespace_private(const struct plan *plan, const struct mounts *mounts, bool may_mount,
		      int *wrapper, struct err *err)
{
	bool peers = may_mount && limits_leave(NAMESPACE_DESCRIPTORS + PEERS_DESCRIPTORS) &&
		     peers_remember();
	int r = new_namespace(err);

	if (r < 0)
		return r;
	/* Before the mounts become nosuid: if the live mount is nosuid, the copy must not be exempt. */
	*wrapper = pick_up_wrapper(err);
	if (*wrapper < 0)
		return *wrapper;
	return cut_off_all(peers && peers_part(plan, mounts), mounts->inherited, err);
}

/* Unmounts by path, which only root can redirect, now as when the mount was made. A mount that has gone meanwhile
 * ('pinlib unset' renames over mount points) is no error. But in a user namespace that was made inside the view its
 * mounts are locked (EINVAL, too), and the pins of another program would be taken for the live system. */
static int strip_mount(const char *point, struct err *err)
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
		return err_set(err, EPERM,
			       "the view's mount on %s was unmounted but is still there", point);
	return 0;
}

int namespace_strip(const struct mounts *mounts, struct err *err)
{
	/* Backwards, as a later mount may be on an earlier one. */
	for (size_t i = mounts->ninherited; i-- > 0;) {
		int r = strip_mount(mounts->inherited[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* -- the view -- */

/* On the stub, or the version's own file, so that the program's /proc/self/exe is this path. ENOENT: 'pinlib unset' and
 * 'pinlib set' have both renamed the original since it was picked up, and the kernel mounts no unlinked name. The file
 * has its name again. */
static int put_down_program(const struct plan *plan, int program, struct err *err)
{
	int r = mount_put_down(program, plan->at, err);

	for (int tries = 0; r == -ENOENT && tries < PICK_UP_TRIES; tries++) {
		AUTO_FD int again = mount_pick_up_program(plan->program, err);

		r = again < 0 ? again : mount_put_down(again, plan->at, err);
	}
	return r;
}

static int lay_covers(const struct plan *plan, int program, int wrapper, struct err *err)
{
	int r = covers_lay(plan->covers, plan->ncovers, plan->label, err);

	if (r == 0)
		r = put_down_wrapper(wrapper, err);
	return r < 0 ? r : put_down_program(plan, program, err);
}

static int lay(const struct plan *plan, int wrapper, struct err *err)
{
	AUTO_FD int program = -1;

	if (!plan)
		return put_down_wrapper(wrapper, err);
	/* Before the covers: one of them may hide the program. */
	program = mount_pick_up_program(plan->program, err);
	if (program == -ENOENT)
		return -ESTALE;
	return program < 0 ? program : lay_covers(plan, program, wrapper, err);
}

int namespace_lay(const struct plan *plan, int wrapper, struct err *err)
{
	int r = lay(plan, wrapper, err);
	int joined = r == 0 || r == -ESTALE ? peers_join(err) : 0;

	return joined < 0 ? joined : r;
}
