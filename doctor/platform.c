/* What pinlib needs of the machine. Versions say little (distributions take features back to older
 * kernels, and containers take them away), so what is needed is tried. */
#include "base/kernel.h"
#include "base/overlay.h"
#include "base/paths.h"
#include "doctor/check.h"
#include "host/wrap.h"

#include <fcntl.h>
#include <grp.h>
#include <libmount/libmount.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define NOBODY 65534
/* Of bytes: a library with its data, and the policy again. */
#define SPACE_LEAST ((uint64_t)64 << 20)
#define INODES_LEAST 1000

/* -- trials: in a child, which may change what is its own -- */

/* What became of a trial; step is 0 if all went well. */
struct outcome {
	int step;
	int errnum;
	char text[ERR_TEXT_MAX];
};

typedef void trial_fn(struct outcome *out);

/* r is what err_sys, or who called it, returned. */
static void failed_at(struct outcome *out, int step, int r, const struct err *err)
{
	out->step = step;
	out->errnum = -r;
	snprintf(out->text, sizeof out->text, "%s", err->text);
}

static int try_in_child(trial_fn *trial, struct outcome *out, struct err *err)
{
	AUTO_FD int from = -1, to = -1;
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	from = pipes[0];
	to = pipes[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process");
	if (pid == 0) {
		memset(out, 0, sizeof *out);
		trial(out);
		_exit(write(to, out, sizeof *out) == (ssize_t)sizeof *out ? 0 : 1);
	}
	close(to);
	to = -1;
	n = read(from, out, sizeof *out); /* less than a pipe takes at once */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for a process");
	if (n != (ssize_t)sizeof *out)
		return err_set(err, EIO,
			       WIFSIGNALED(status) ? "it was killed by signal %d"
						   : "it ended with status %d",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

/* -- the kernel -- */

enum kernel_step { STEP_NAMESPACE = 1, STEP_SETATTR, STEP_PICK_UP, STEP_OVERLAY, STEP_PUT_DOWN };

/* What lies over a live directory in the trial: any directory on the filesystem of the layers. */
static const char *trial_layer(void)
{
	struct stat st;

	return stat(PINLIB_STATE, &st) == 0 ? PINLIB_STATE : PINLIB_LIBDIR;
}

/* The calls of a launch (wrapper/namespace.c), in their order. */
static void try_launch(struct outcome *out)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID,
				  .propagation = MS_PROPAGATION_SLAVE};
	AUTO_FD int fd = -1;
	struct err err;
	int r;

	if (unshare(CLONE_NEWNS) < 0) {
		r = err_sys(&err, errno, "a mount namespace cannot be made (unshare(2))");
		return failed_at(out, STEP_NAMESPACE, r, &err);
	}
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0) {
		r = err_sys(&err, errno, "mounts cannot be made nosuid (mount_setattr(2))");
		return failed_at(out, STEP_SETATTR, r, &err);
	}
	fd = mount_pick_up("/usr", 0, &err);
	if (fd < 0)
		return failed_at(out, STEP_PICK_UP, fd, &err);
	r = overlay_cover("/usr/lib", trial_layer(), "doctor", &err);
	if (r < 0)
		return failed_at(out, STEP_OVERLAY, r, &err);
	r = mount_put_down(fd, "/usr", &err);
	if (r < 0)
		failed_at(out, STEP_PUT_DOWN, r, &err);
}

static const char *kernel_remedy(const struct outcome *o)
{
	if (o->errnum == ENOSYS)
		return "boot Linux 5.12 or later; if this one is later, a system-call filter hides "
		       "the call: look at the container's seccomp profile";
	if (o->step == STEP_NAMESPACE && o->errnum == ENOSPC)
		return "raise the limit: sysctl user.max_mnt_namespaces";
	if (o->step == STEP_OVERLAY && o->errnum == ENODEV)
		return "load overlayfs (modprobe overlay), and name it in "
		       "/etc/modules-load.d/overlay.conf";
	if (o->step == STEP_OVERLAY && (o->errnum == ELOOP || o->errnum == EINVAL))
		return "overlayfs stacks two deep: /usr or " PINLIB_STATE " lies on overlays "
		       "already; put them on another filesystem";
	if (o->errnum == EPERM || o->errnum == EACCES)
		return "this process may not mount: give the container CAP_SYS_ADMIN, and an "
		       "AppArmor or SELinux policy and a seccomp profile that let it";
	return "see the kernel's log: dmesg";
}

int check_kernel(struct checkup *p, struct err *err)
{
	struct outcome out;
	struct utsname u;
	int r = try_in_child(try_launch, &out, err);

	if (r < 0)
		return r;
	if (uname(&u) < 0)
		return err_sys(err, errno, "cannot tell the kernel's version");
	if (out.step)
		check_fault(p, kernel_remedy(&out), "Linux %s: %s", u.release, out.text);
	else
		check_well(p, "Linux %s: mount namespaces, mount_setattr and overlayfs work",
			   u.release);
	return 0;
}

/* -- the wrapper -- */

static const char set_capability[] = "setcap cap_sys_admin=p " PINLIB_WRAPPER;

/* "cap_sys_admin=p" and nothing else. Effective as well is refused: then execve(2) itself fails
 * where the bounding set lacks it, and the wrapper cannot say why. */
static int check_capability(struct checkup *p, struct err *err)
{
	char *text;
	cap_t caps = cap_get_file(PINLIB_WRAPPER);

	if (!caps && errno == ENODATA) {
		check_fault(p, set_capability, "%s has no file capability", PINLIB_WRAPPER);
		return 0;
	}
	if (!caps && errno == ENOTSUP) {
		check_fault(p, "put it on a filesystem that knows extended attributes",
			    "the filesystem of %s keeps no file capabilities", PINLIB_WRAPPER);
		return 0;
	}
	if (!caps)
		return err_sys(err, errno, "cannot read the capabilities of %s", PINLIB_WRAPPER);
	text = cap_to_text(caps, NULL);
	cap_free(caps);
	if (!text)
		return err_nomem(err);
	if (strcmp(text, "cap_sys_admin=p") == 0)
		check_well(p, "%s has %s", PINLIB_WRAPPER, text);
	else
		check_fault(p, set_capability, "%s has the capabilities %s, not cap_sys_admin=p",
			    PINLIB_WRAPPER, text);
	cap_free(text);
	return 0;
}

int check_wrapper(struct checkup *p, struct err *err)
{
	struct stat st;
	int r;

	if (lstat(PINLIB_WRAPPER, &st) < 0 && errno == ENOENT) {
		check_fault(p, "install pinlib again: wrapped programs do not start without it",
			    "%s is missing", PINLIB_WRAPPER);
		return 0;
	}
	r = wrap_wrapper_alone(err);
	if (r == -EBADMSG) { /* whose capabilities are not to be mended */
		check_fault(
			p,
			"umount it, if it is a mount; else keep a copy if nobody has another, and "
			"install pinlib again",
			"%s", err->text);
		return 0;
	}
	if (r == -ESTALE)
		check_fault(p, "install pinlib again: that takes it away", "%s", err->text);
	else if (r < 0)
		check_fault(
			p,
			"it belongs to root, nobody else may write it or its directory, and "
			"nothing else there is setuid or has capabilities: chown, chmod, or move "
			"that away",
			"%s", err->text);
	if (lstat(PINLIB_WRAPPER, &st) < 0)
		return err_sys(err, errno, "%s", PINLIB_WRAPPER);
	if ((st.st_mode & 07777) != 0755)
		check_fault(p, "chmod 0755 " PINLIB_WRAPPER, "%s has mode %04o, not 0755",
			    PINLIB_WRAPPER, (unsigned int)st.st_mode & 07777);
	return check_capability(p, err);
}

/* -- the mount that it lies on -- */

/* Where the mount begins that path lies on. */
static int mount_point(const char *path, char out[PATH_MAX], struct err *err)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_fs *fs = NULL;

	if (table)
		fs = mnt_table_find_mountpoint(table, path, MNT_ITER_BACKWARD);
	snprintf(out, PATH_MAX, "%s", fs ? mnt_fs_get_target(fs) : "");
	mnt_unref_table(table);
	return fs ? 0 : err_set(err, ENOENT, "no mount is known that %s lies on", path);
}

int check_nosuid(struct checkup *p, struct err *err)
{
	char point[PATH_MAX], remedy[PATH_MAX + 64];
	struct statvfs fs;
	int r = mount_point(PINLIB_LIBDIR, point, err);

	if (r < 0)
		return r;
	if (statvfs(PINLIB_LIBDIR, &fs) < 0)
		return err_sys(err, errno, "cannot tell the mount of %s", PINLIB_LIBDIR);
	snprintf(remedy, sizeof remedy, "mount -o remount,bind,%s %s, and mend /etc/fstab",
		 fs.f_flag & ST_NOSUID ? "suid" : "exec", point);
	if (fs.f_flag & ST_NOSUID)
		check_fault(p, remedy,
			    "%s is mounted nosuid: the wrapper's capability does not count", point);
	if (fs.f_flag & ST_NOEXEC)
		check_fault(p, remedy, "%s is mounted noexec: the wrapper cannot be executed",
			    point);
	if (!(fs.f_flag & (ST_NOSUID | ST_NOEXEC)))
		check_well(p, "%s, where the wrapper lies, is neither nosuid nor noexec", point);
	return 0;
}

/* -- what processes may get -- */

/* The value of a line of /proc/PID/status; false if it cannot be had. */
static bool status_line(const char *file, const char *name, char *value, size_t size)
{
	AUTO_FILE FILE *f = fopen(file, "re");
	char line[256];

	while (f && fgets(line, sizeof line, f)) {
		size_t len = strlen(name);

		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, size, "%s", line + len + 1 + strspn(line + len + 1, " \t"));
		return true;
	}
	return false;
}

/* Whether every process that descends from that one has lost CAP_SYS_ADMIN. */
static bool lacks_admin(const char *file)
{
	char value[64];

	return status_line(file, "CapBnd", value, sizeof value) &&
	       !(strtoull(value, NULL, 16) >> CAP_SYS_ADMIN & 1);
}

static bool no_new_privs(const char *file)
{
	char value[64];

	return status_line(file, "NoNewPrivs", value, sizeof value) && value[0] != '0';
}

int check_bounding_set(struct checkup *p, struct err *err)
{
	static const char container[] =
		"start the container with CAP_SYS_ADMIN (--cap-add=SYS_ADMIN); or let programs "
		"start without their pins: pinlib set --on-failure=unpinned";
	static const char session[] =
		"ask again from another session: this one's service or login takes it away";
	static const char privileges[] =
		"start the container without no-new-privileges; or let programs start without "
		"their pins: pinlib set --on-failure=unpinned";
	bool all = lacks_admin("/proc/1/status"), none = no_new_privs("/proc/1/status");

	(void)err;
	if (lacks_admin("/proc/self/status"))
		check_fault(p, all ? container : session,
			    "the capability bounding set of %s lacks CAP_SYS_ADMIN",
			    all ? "all processes here" : "this process");
	if (no_new_privs("/proc/self/status"))
		check_fault(p, none ? privileges : session, "no_new_privs is set for %s",
			    none ? "all processes here" : "this process");
	if (!lacks_admin("/proc/self/status") && !no_new_privs("/proc/self/status"))
		check_well(p, "CAP_SYS_ADMIN is within the wrapper's reach");
	return 0;
}

/* The first line of a small file, without its newline. */
static bool read_line(const char *path, char *line, size_t size)
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

	return read_line(path, line, sizeof line) && strcmp(line, number) == 0;
}

/* An ordinary user's namespace, with a mount in it, as `pinlib try` needs it. */
static void try_user_namespace(struct outcome *out)
{
	struct err err;
	int r;

	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		r = err_sys(&err, errno, "no user can be tried");
	else if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		r = err_sys(&err, errno, "none can be made");
	else
		r = mount_pick_up("/usr", AT_RECURSIVE_MOUNTS, &err);
	if (r < 0)
		failed_at(out, 1, r, &err);
}

#define APPARMOR_LIMIT "kernel.apparmor_restrict_unprivileged_userns"

static const char *user_namespace_remedy(const struct outcome *o)
{
	if (is_number("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return "if every user is to have 'pinlib try': sysctl "
		       "kernel.unprivileged_userns_clone=1";
	if (is_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
		return "if every user is to have 'pinlib try': an AppArmor profile for it, or "
		       "sysctl " APPARMOR_LIMIT "=0";
	if (o->errnum == ENOSPC)
		return "if every user is to have 'pinlib try': raise user.max_user_namespaces";
	return "if every user is to have 'pinlib try': look at the container's seccomp profile";
}

static bool in_user_namespace(void)
{
	unsigned long first, host, count;
	char line[128];

	return read_line("/proc/self/uid_map", line, sizeof line) &&
	       (sscanf(line, "%lu %lu %lu", &first, &host, &count) != 3 || first || host ||
		count != 4294967295);
}

int check_user_namespaces(struct checkup *p, struct err *err)
{
	struct outcome out;
	int r;

	if (in_user_namespace()) {
		check_fault(
			p, "look from outside of it",
			"this process is in a user namespace: nothing here holds for the machine");
		return 0;
	}
	r = try_in_child(try_user_namespace, &out, err);
	if (r < 0)
		return r;
	if (out.step)
		check_note(
			p, user_namespace_remedy(&out),
			"ordinary users' user namespaces: %s: 'pinlib try' is root's alone; pinned "
			"programs need none",
			out.text);
	else
		check_well(p, "ordinary users can make one, which 'pinlib try' needs");
	return 0;
}

/* -- security modules -- */

static const char apparmor_remedy[] =
	"if pinned programs fail with 'Permission denied', look for DENIED in the kernel's log and "
	"let this profile mount (a container: --security-opt apparmor=unconfined)";

static void check_apparmor(struct checkup *p)
{
	char profile[256];

	if (!read_line("/proc/self/attr/apparmor/current", profile, sizeof profile) &&
	    !read_line("/proc/self/attr/current", profile, sizeof profile))
		check_note(p, NULL, "AppArmor is enabled; which profile holds here cannot be read");
	else if (strncmp(profile, "unconfined", 10) == 0)
		check_well(p, "AppArmor is enabled, and does not confine this process");
	else
		check_note(p, apparmor_remedy, "AppArmor confines this process: %s", profile);
}

int check_lsm(struct checkup *p, struct err *err)
{
	char modules[256] = "";
	bool selinux = is_number("/sys/fs/selinux/enforce", "1");
	bool permissive = is_number("/sys/fs/selinux/enforce", "0");
	bool apparmor = is_number("/sys/module/apparmor/parameters/enabled", "Y");

	(void)err;
	read_line("/sys/kernel/security/lsm", modules, sizeof modules);
	if (selinux)
		check_note(
			p,
			"pinned programs in a confined domain have to be allowed to read and map "
			"what lies in " PINLIB_LAYERS
			": ausearch -m avc tells; restorecon -R " PINLIB_STATE,
			"SELinux is enforcing");
	else if (permissive)
		check_well(p, "SELinux is permissive");
	if (apparmor)
		check_apparmor(p);
	if (!selinux && !permissive && !apparmor)
		check_well(p, "neither SELinux nor AppArmor is in force%s%s", *modules ? ": " : "",
			   modules);
	return 0;
}

/* -- space -- */

int check_space(struct checkup *p, struct err *err)
{
	static const char remedy[] = "pinlib gc --keep 1 --dry-run says what can go; or make room";
	struct statvfs fs;
	struct stat st;
	uint64_t left, wanted = SPACE_LEAST;

	if (statvfs(PINLIB_STATE, &fs) < 0 && (errno != ENOENT || statvfs("/var/lib", &fs) < 0))
		return err_sys(err, errno, "cannot tell the space of %s", PINLIB_STATE);
	if (stat(PINLIB_POLICY, &st) == 0)
		wanted += (uint64_t)st.st_size; /* which is written anew at each change */
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (fs.f_flag & ST_RDONLY)
		check_fault(p, "mount it writable",
			    "%s is on a read-only filesystem: nothing can change", PINLIB_STATE);
	else if (left < wanted)
		check_fault(p, remedy, "%s has %llu MiB left, of at least %llu", PINLIB_STATE,
			    (unsigned long long)left >> 20, (unsigned long long)wanted >> 20);
	else if (fs.f_files && fs.f_favail < INODES_LEAST)
		check_fault(p, remedy, "%s has %llu inodes left, of at least %d", PINLIB_STATE,
			    (unsigned long long)fs.f_favail, INODES_LEAST);
	else
		check_well(p, "%s has %llu MiB left", PINLIB_STATE, (unsigned long long)left >> 20);
	return 0;
}
