/* The machine's features that pinlib needs. A version number says little: distributions backport
 * features to older kernels, and containers take features away. So each check tries the feature. */
#include "base/cover.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/paths.h"
#include "doctor/check.h"
#include "host/apparmor.h"
#include "host/privilege.h"
#include "host/wrapper_file.h"

#include <fcntl.h>
#include <grp.h>
#include <libmount/libmount.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define NOBODY 65534
#define SPACE_LEAST ((uint64_t)64 << 20) /* bytes: a library with its data */
#define INODES_LEAST 1000

/* -- probes, in a child that may change its own namespaces and user -- */

struct probe_outcome {
	int step; /* that failed; 0: none */
	int errnum;
	char text[ERR_TEXT_MAX];
};

typedef void probe_fn(struct probe_outcome *out);

/* r is a negative error, with err. */
static void failed_at(struct probe_outcome *out, int step, int r, const struct err *err)
{
	out->step = step;
	out->errnum = -r;
	snprintf(out->text, sizeof out->text, "%s", err->text);
}

static int run_probe(probe_fn *probe, struct probe_outcome *out, struct err *err)
{
	AUTO_FD int from = -1, to = -1;
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	from = pipes[0];
	to = pipes[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process");
	if (pid == 0) {
		memset(out, 0, sizeof *out);
		probe(out);
		_exit(write(to, out, sizeof *out) == (ssize_t)sizeof *out ? 0 : 1);
	}
	close(to);
	to = -1;
	n = read(from, out, sizeof *out); /* a pipe takes it at once */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for a process");
	if (n != (ssize_t)sizeof *out)
		return err_set(err, EIO,
			       WIFSIGNALED(status) ? "the test was killed by signal %d"
						   : "the test ended with status %d",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

/* -- the kernel -- */

enum kernel_step { STEP_NAMESPACE = 1, STEP_SETATTR, STEP_PICK_UP, STEP_OVERLAY, STEP_PUT_DOWN };

/* The lower layer of the probe: any directory on the file system of the layers. */
static const char *probe_layer(void)
{
	struct stat st;

	return stat(PINLIB_STATE, &st) == 0 ? PINLIB_STATE : "/var/lib";
}

/* The system calls of a launch (wrapper/namespace.c), in their order. */
static void probe_launch(struct probe_outcome *out)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID,
				  .propagation = MS_PROPAGATION_SLAVE};
	AUTO_FD int fd = -1;
	struct err err;
	int r;

	if (unshare(CLONE_NEWNS) < 0) {
		r = err_sys(&err, errno, "cannot create a mount namespace (unshare(2))");
		return failed_at(out, STEP_NAMESPACE, r, &err);
	}
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0) {
		r = err_sys(&err, errno, "cannot make mounts nosuid (mount_setattr(2))");
		return failed_at(out, STEP_SETATTR, r, &err);
	}
	fd = mount_pick_up("/usr", 0, &err);
	if (fd < 0)
		return failed_at(out, STEP_PICK_UP, fd, &err);
	r = cover_mount(&(struct cover){"/usr/lib", probe_layer()}, "doctor", &err);
	if (r < 0)
		return failed_at(out, STEP_OVERLAY, r, &err);
	r = mount_put_down(fd, "/usr", &err);
	if (r < 0)
		failed_at(out, STEP_PUT_DOWN, r, &err);
}

static bool is_overlay(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

static const char *kernel_remedy(const struct probe_outcome *o)
{
	if (o->errnum == ENOSYS)
		return "boot Linux 5.12 or later; on such a kernel a system-call filter is in the "
		       "way: allow the call in the container's seccomp profile";
	if (o->step == STEP_SETATTR && o->errnum == EINVAL)
		return "seal programs instead ('pinlib set --sealed'), or make the root directory "
		       "of this "
		       "chroot a mount point: 'mount --bind DIR DIR' before chroot(8)";
	if (o->step == STEP_NAMESPACE && o->errnum == ENOSPC)
		return "raise the limit with sysctl user.max_mnt_namespaces=N";
	if (o->step == STEP_OVERLAY && o->errnum == ENODEV)
		return "load overlayfs (modprobe overlay), and name it in "
		       "/etc/modules-load.d/overlay.conf";
	if (o->step == STEP_OVERLAY && o->errnum == EINVAL &&
	    (is_overlay("/usr/lib") || is_overlay(probe_layer())))
		return "move /usr or " PINLIB_STATE " to a file system that is not an overlay: "
		       "overlayfs stacks at most two deep";
	if (o->errnum == EPERM || o->errnum == EACCES)
		return "this process may not mount: give the container CAP_SYS_ADMIN, and allow "
		       "mounts in its AppArmor or SELinux policy and its seccomp profile";
	return "look for the reason in the kernel's log (dmesg)";
}

int check_kernel(struct checkup *c, struct err *err)
{
	struct probe_outcome out;
	struct utsname u;
	int r = run_probe(probe_launch, &out, err);

	if (r < 0)
		return r;
	if (uname(&u) < 0)
		return err_sys(err, errno, "cannot tell the kernel's version");
	c->can_mount = out.step == 0;
	if (out.step)
		check_fault(c, kernel_remedy(&out), "Linux %s: %s", u.release, out.text);
	else
		check_well(c, "Linux %s: mount namespaces, mount_setattr and overlayfs work",
			   u.release);
	return 0;
}

/* -- the wrapper -- */

static const char set_capability[] = "setcap " PRIVILEGE_WRAPPER " " PINLIB_WRAPPER;

/* Only "cap_sys_admin=p" is right. Were the capability effective too, execve(2) itself would fail
 * where the bounding set lacks it, and the wrapper could not say why. */
static int check_capability(struct checkup *c, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = privilege_of_wrapper(&text, err);

	if (r == -ENODATA)
		check_fault(c, set_capability, "%s has no file capability", PINLIB_WRAPPER);
	else if (r == -ENOTSUP)
		check_fault(c, "install pinlib on a file system with extended attributes",
			    "the file system of %s has no file capabilities", PINLIB_WRAPPER);
	else if (r < 0)
		return r;
	else if (strcmp(text, PRIVILEGE_WRAPPER) != 0)
		check_fault(c, set_capability, "%s has the capabilities %s, not " PRIVILEGE_WRAPPER,
			    PINLIB_WRAPPER, text);
	else
		check_well(c, "%s has %s", PINLIB_WRAPPER, text);
	return 0;
}

int check_wrapper(struct checkup *c, struct err *err)
{
	struct stat st;
	int r;

	if (lstat(PINLIB_WRAPPER, &st) < 0 && errno == ENOENT) {
		check_fault(c,
			    "install pinlib again (apt install --reinstall pinlib): wrapped "
			    "programs do not start without the wrapper",
			    "%s is missing", PINLIB_WRAPPER);
		return 0;
	}
	r = wrapper_check(err);
	if (r == -EBADMSG) { /* another program must not get the capability */
		check_fault(c,
			    "if it is a mount, umount " PINLIB_WRAPPER
			    "; else save a copy of the file if "
			    "there is no other, and install pinlib again",
			    "%s", err->text);
		return 0;
	}
	if (r == -ESTALE)
		check_fault(c, "install pinlib again, which removes the file", "%s", err->text);
	else if (r < 0)
		check_fault(
			c,
			"chown root:root and chmod go-w " PINLIB_WRAPPER
			" and its directory, and move away any other file there that is setuid or "
			"has capabilities",
			"%s", err->text);
	if (lstat(PINLIB_WRAPPER, &st) < 0)
		return err_sys(err, errno, "%s", PINLIB_WRAPPER);
	if ((st.st_mode & 07777) != 0755)
		check_fault(c, "chmod 0755 " PINLIB_WRAPPER, "%s has mode %04o, not 0755",
			    PINLIB_WRAPPER, (unsigned int)st.st_mode & 07777);
	return check_capability(c, err);
}

/* -- the mount of the wrapper -- */

/* The mount point of the mount that path is on; path itself if it is not in the table, as in a chroot. */
static void mount_point(const char *path, char out[PATH_MAX])
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_fs *fs = NULL;

	if (table)
		fs = mnt_table_find_mountpoint(table, path, MNT_ITER_BACKWARD);
	snprintf(out, PATH_MAX, "%s", fs ? mnt_fs_get_target(fs) : path);
	mnt_unref_table(table);
}

int check_nosuid(struct checkup *c, struct err *err)
{
	char point[PATH_MAX], remedy[PATH_MAX + 64];
	struct statvfs fs;

	mount_point(PINLIB_LIBDIR, point);
	if (statvfs(PINLIB_LIBDIR, &fs) < 0)
		return err_sys(err, errno, "cannot read the mount flags of %s", PINLIB_LIBDIR);
	snprintf(remedy, sizeof remedy, "mount -o remount,bind,%s %s, and correct /etc/fstab",
		 fs.f_flag & ST_NOSUID ? "suid" : "exec", point);
	if (fs.f_flag & ST_NOSUID)
		check_fault(c, remedy, "%s is mounted nosuid: the wrapper gets no capability",
			    point);
	if (fs.f_flag & ST_NOEXEC)
		check_fault(c, remedy, "%s is mounted noexec: the wrapper cannot be executed",
			    point);
	if (!(fs.f_flag & (ST_NOSUID | ST_NOEXEC)))
		check_well(c, "%s, the mount of the wrapper, is neither nosuid nor noexec", point);
	return 0;
}

/* -- the privileges that processes can get -- */

int check_bounding_set(struct checkup *c, struct err *err)
{
	static const char container[] =
		"seal programs instead ('pinlib set --sealed'), start the container with "
		"CAP_SYS_ADMIN (--cap-add=SYS_ADMIN), or let programs start without their pins "
		"('pinlib set --on-failure=unpinned')";
	static const char session[] =
		"run 'pinlib doctor' from another session: the service or login of this one takes "
		"the privilege away";
	static const char privileges[] =
		"seal programs instead ('pinlib set --sealed'), start the container without "
		"no-new-privileges, or let programs start without their pins ('pinlib set "
		"--on-failure=unpinned')";
	bool all = privilege_is_bounded("/proc/1/status"),
	     none = privilege_is_frozen("/proc/1/status");

	(void)err;
	if (privilege_is_bounded("/proc/self/status"))
		check_fault(c, all ? container : session,
			    "the capability bounding set of %s lacks CAP_SYS_ADMIN",
			    all ? "all processes here" : "this process");
	if (privilege_is_frozen("/proc/self/status"))
		check_fault(c, none ? privileges : session, "no_new_privs is set for %s",
			    none ? "all processes here" : "this process");
	if (!privilege_is_bounded("/proc/self/status") && !privilege_is_frozen("/proc/self/status"))
		check_well(c, "the wrapper can get CAP_SYS_ADMIN");
	return 0;
}

/* The first line of a small file, without its newline. */
static bool read_first_line(const char *path, char *line, size_t size)
{
	AUTO_FILE FILE *f = fopen(path, "re");

	if (!f || !fgets(line, (int)size, f))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static bool is_number(const char *path, const char *number)
{
	char line[64];

	return read_first_line(path, line, sizeof line) && strcmp(line, number) == 0;
}

/* The user namespace of an ordinary user, with a mount in it, as `pinlib try` needs it. */
static void probe_user_namespace(struct probe_outcome *out)
{
	struct err err;
	int r;

	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		r = err_sys(&err, errno, "cannot become an ordinary user");
	else if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		r = err_sys(&err, errno, "cannot create one");
	else
		r = mount_pick_up("/usr", AT_RECURSIVE_MOUNTS, &err);
	if (r < 0)
		failed_at(out, 1, r, &err);
}

#define APPARMOR_LIMIT "kernel.apparmor_restrict_unprivileged_userns"

static const char *user_namespace_remedy(const struct probe_outcome *o)
{
	if (is_number("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return "to let every user run 'pinlib try': sysctl "
		       "kernel.unprivileged_userns_clone=1";
	if (is_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
		return "to let every user run 'pinlib try': give it an AppArmor profile, or "
		       "sysctl " APPARMOR_LIMIT "=0";
	if (o->errnum == ENOSPC)
		return "to let every user run 'pinlib try': raise user.max_user_namespaces";
	return "to let every user run 'pinlib try': allow user namespaces in the container's "
	       "seccomp profile";
}

/* Whether a user other than root exists here (user_namespaces(7)): not where "unshare -r" leads, but in a container. */
static bool has_users(void)
{
	AUTO_FILE FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned long first, host, count;
	char line[128];

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%lu %lu %lu", &first, &host, &count) == 3 && first <= NOBODY &&
		    NOBODY - first < count)
			return true;
	return false;
}

int check_user_namespaces(struct checkup *c, struct err *err)
{
	struct probe_outcome out;
	int r;

	if (!has_users()) {
		check_fault(c, "run 'pinlib doctor' outside of the user namespace",
			    "this process is in a user namespace without other users, where the "
			    "checks say nothing about the machine");
		return 0;
	}
	r = run_probe(probe_user_namespace, &out, err);
	if (r < 0)
		return r;
	if (out.step)
		check_note(c, user_namespace_remedy(&out),
			   "user namespaces of ordinary users: %s; only root can run 'pinlib try', "
			   "and "
			   "pinned programs need no user namespace",
			   out.text);
	else
		check_well(c, "ordinary users can make user namespaces, as 'pinlib try' needs");
	return 0;
}

/* -- security modules -- */

static const char apparmor_remedy[] =
	"if pinned programs fail with 'Permission denied' and the kernel's log has DENIED, allow "
	"mounts in this profile (in a container: --security-opt apparmor=unconfined)";

static void check_profiles(struct checkup *c)
{
	char profile[NAME_MAX + 1];
	struct err ignored;

	for (size_t i = 0; i < c->apps.count; i++)
		if (apparmor_profile(c->apps.items[i].path, profile, &ignored) > 0)
			check_note(c, APPARMOR_REMEDY, APPARMOR_TEXT, profile,
				   c->apps.items[i].path);
}

static void check_apparmor(struct checkup *c)
{
	char profile[256];

	if (!read_first_line("/proc/self/attr/apparmor/current", profile, sizeof profile) &&
	    !read_first_line("/proc/self/attr/current", profile, sizeof profile))
		check_note(c, NULL,
			   "AppArmor is enabled; the profile of this process cannot be read");
	else if (strncmp(profile, "unconfined", 10) == 0)
		check_well(c, "AppArmor is enabled, and does not confine this process");
	else
		check_note(c, apparmor_remedy, "AppArmor confines this process: %s", profile);
	check_profiles(c);
}

int check_lsm(struct checkup *c, struct err *err)
{
	char modules[256] = "";
	bool selinux = is_number("/sys/fs/selinux/enforce", "1");
	bool permissive = is_number("/sys/fs/selinux/enforce", "0");
	bool apparmor = is_number("/sys/module/apparmor/parameters/enabled", "Y");

	(void)err;
	read_first_line("/sys/kernel/security/lsm", modules, sizeof modules);
	if (selinux)
		check_note(c,
			   "restorecon -R " PINLIB_STATE
			   "; allow pinned programs in confined domains to read and map files "
			   "in " PINLIB_LAYERS " ('ausearch -m avc' prints the denials)",
			   "SELinux is enforcing");
	else if (permissive)
		check_well(c, "SELinux is permissive");
	if (apparmor)
		check_apparmor(c);
	if (!selinux && !permissive && !apparmor)
		check_well(c, "neither SELinux nor AppArmor is active%s%s", *modules ? ": " : "",
			   modules);
	return 0;
}

/* -- space -- */

int check_space(struct checkup *c, struct err *err)
{
	static const char remedy[] =
		"free some space; 'pinlib gc --keep 1 --dry-run' lists what gc would remove";
	struct statvfs fs;
	struct stat st;
	uint64_t left, wanted = SPACE_LEAST;

	if (statvfs(PINLIB_STATE, &fs) < 0 && (errno != ENOENT || statvfs("/var/lib", &fs) < 0))
		return err_sys(err, errno, "cannot read the free space of %s", PINLIB_STATE);
	if (stat(PINLIB_POLICY, &st) == 0)
		wanted += (uint64_t)st.st_size; /* each change writes the whole policy */
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (fs.f_flag & ST_RDONLY)
		check_fault(c, "mount the file system of " PINLIB_STATE " writable",
			    "%s is on a read-only file system: no pin can change", PINLIB_STATE);
	else if (left < wanted)
		check_fault(c, remedy, "%s has %llu MiB left; pinlib needs %llu", PINLIB_STATE,
			    (unsigned long long)left >> 20, (unsigned long long)wanted >> 20);
	else if (fs.f_files && fs.f_favail < INODES_LEAST)
		check_fault(c, remedy, "%s has %llu inodes left; pinlib needs %d", PINLIB_STATE,
			    (unsigned long long)fs.f_favail, INODES_LEAST);
	else
		check_well(c, "%s has %llu MiB left", PINLIB_STATE, (unsigned long long)left >> 20);
	return 0;
}
