#include "ephemeral/tree.h"

#include "base/file.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "base/paths.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NO_LINKS (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define OPEN_PLACE (O_PATH | O_NOFOLLOW | O_CLOEXEC)

struct mounted {
	uint64_t id, parent;
	char *point;
	bool view; /* an overlay of a view of pinlib's */
};

struct plant {
	struct scratch *scratch;
	struct strings *readonly;
	struct mounted *mounts;
	size_t nmounts;
	int root;      /* the root of the copy; -1: there is none yet */
	int skeletons; /* the mount of the tmpfs that has the skeletons; -1: none */
	bool any;      /* an overlay was mounted */
};

static void plant_free(struct plant *p)
{
	for (size_t i = 0; i < p->nmounts; i++)
		free(p->mounts[i].point);
	free(p->mounts);
	cleanup_fd(&p->root);
	cleanup_fd(&p->skeletons);
}

static int note_mount(const struct mountinfo *m, void *ctx, struct err *err)
{
	struct plant *p = ctx;
	struct mounted *grown = realloc(p->mounts, (p->nmounts + 1) * sizeof *grown);

	if (!grown)
		return err_nomem(err);
	p->mounts = grown;
	grown[p->nmounts] = (struct mounted){
		.id = m->id,
		.parent = m->parent,
		.point = strdup(m->point),
		.view = strncmp(m->source, PINLIB_SOURCE, strlen(PINLIB_SOURCE)) == 0};
	return grown[p->nmounts++].point ? 0 : err_nomem(err);
}

static bool strictly_below(const char *path, const char *dir)
{
	return path_below(path, dir) && strcmp(path, dir) != 0;
}

static bool has_mounts_below(const struct plant *p, const char *path)
{
	for (size_t i = 0; i < p->nmounts; i++)
		if (strictly_below(p->mounts[i].point, path))
			return true;
	return false;
}

static bool is_view(const struct plant *p, uint64_t id)
{
	for (size_t i = 0; i < p->nmounts; i++)
		if (p->mounts[i].id == id)
			return p->mounts[i].view;
	return false;
}

/* -- places -- */

/* "." for the root itself. */
static const char *relative(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int attach(struct plant *p, int mount, const char *path, struct err *err)
{
	AUTO_FD int place = p->root < 0 ? openat(p->scratch->fd, "root", OPEN_PLACE | O_DIRECTORY)
					: sys_openat2(p->root, relative(path), OPEN_PLACE,
						      NO_LINKS | RESOLVE_BENEATH);

	if (place < 0 || sys_move_mount_to(mount, place) < 0)
		return err_sys(err, errno, "cannot mount on %s in the scratch", path);
	if (p->root < 0)
		p->root = openat(p->scratch->fd, "root", OPEN_PLACE | O_DIRECTORY);
	return p->root < 0 ? err_sys(err, errno, "cannot open the root of the scratch") : 0;
}

/* Mounts the live file or directory there, with all mounts below it. */
static int bind_live(struct plant *p, int live, const char *path, bool readonly, struct err *err)
{
	struct mount_attr attr = {.attr_set =
					  MOUNT_ATTR_NOSUID | (readonly ? MOUNT_ATTR_RDONLY : 0),
				  .propagation = MS_PROPAGATION_PRIVATE};
	AUTO_FD int copy = sys_open_tree(live, "",
					 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
						 AT_RECURSIVE_MOUNTS);

	/* The wrapper's directory alone is not nosuid, see ephemeral_enter. */
	if (strcmp(path, PINLIB_LIBDIR) == 0)
		attr.attr_set &= ~(uint64_t)MOUNT_ATTR_NOSUID;
	if (copy < 0)
		return err_sys(err, errno, "cannot copy the mount of %s", path);
	if (sys_mount_setattr(copy, "", AT_EMPTY_PATH | AT_RECURSIVE_MOUNTS, &attr, sizeof attr) <
	    0)
		return err_sys(err, errno, "cannot make %s read-only", path);
	return attach(p, copy, path, err);
}

/* -- an overlay -- */

static int set_dir(int fs, const char *key, int dir)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", dir);
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, path);
}

static int set_options(int fs)
{
	static const char *const options[][2] = {{"source", "pinlib-scratch"},
						 {"redirect_dir", "nofollow"},
						 {"metacopy", "off"},
						 {"index", "off"},
						 {"xino", "off"}};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1]) < 0)
			return -1;
	/* volatile: nobody needs the files after a crash, so fsync(2) may return at once. */
	if (sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL) < 0)
		return -1;
	return sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL);
}

static unsigned attributes_of(int live)
{
	unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct statvfs fs;

	if (fstatvfs(live, &fs) == 0 && fs.f_flag & ST_RDONLY)
		attributes |= MOUNT_ATTR_RDONLY;
	if (fstatvfs(live, &fs) == 0 && fs.f_flag & ST_NOEXEC)
		attributes |= MOUNT_ATTR_NOEXEC;
	return attributes;
}

/* A descriptor of the overlay, or the negative error of the kernel. */
static int mount_overlay(int live, int upper, int work)
{
	AUTO_FD int fs = sys_fsopen("overlay");
	int mount;

	if (fs < 0 || set_dir(fs, "lowerdir", live) < 0 || set_dir(fs, "upperdir", upper) < 0 ||
	    set_dir(fs, "workdir", work) < 0 || set_options(fs) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return -errno;
	mount = sys_fsmount(fs, attributes_of(live));
	return mount < 0 ? -errno : mount;
}

/* *mount stays -1 if overlayfs cannot cover this directory. */
static int cover_live(struct plant *p, int live, const char *path, int *mount, struct err *err)
{
	AUTO_FD int upper = -1, work = -1;
	int r = scratch_cover(p->scratch, live, path, &upper, &work, err);

	if (r < 0)
		return r;
	r = mount_overlay(live, upper, work);
	if (r == -EPERM || r == -ENODEV || r == -ENOSYS)
		return err_sys(err, -r,
			       "cannot mount an overlay (Linux 5.11 or later is needed, and a "
			       "security module may "
			       "forbid it)");
	p->scratch->trees->items[p->scratch->trees->count - 1].covered = r >= 0;
	p->any |= r >= 0;
	*mount = r >= 0 ? r : -1;
	return 0;
}

/* -- directories -- */

static int place_path(struct plant *p, const char *path, bool in_skeleton, struct err *err);

struct skeleton {
	struct plant *plant;
	const char *path;
	int live;
};

static int place_entry(void *ctx, int dir, const char *name, struct err *err)
{
	const struct skeleton *s = ctx;
	char path[PATH_MAX], target[PATH_MAX];
	AUTO_FD int at = -1, file = -1;
	struct stat st;
	ssize_t n;
	int r = path_join(s->path, name, path, err);

	if (r < 0)
		return r;
	at = sys_openat2(s->plant->root, relative(s->path), OPEN_PLACE | O_DIRECTORY,
			 NO_LINKS | RESOLVE_BENEATH);
	if (at < 0)
		return err_sys(err, errno, "cannot open %s in the scratch", s->path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return 0; /* gone, or a FUSE file system of another user, which stays hidden */
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dir, name, target, sizeof target - 1);
		if (n < 0)
			return 0;
		target[n] = '\0';
		r = symlinkat(target, at, name);
	} else if (S_ISDIR(st.st_mode)) {
		r = mkdirat(at, name, 0755);
	} else {
		file = openat(at, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
		r = file;
	}
	if (r < 0)
		return err_sys(err, errno, "cannot make %s in the scratch", path);
	return S_ISLNK(st.st_mode) ? 0 : place_path(s->plant, path, true, err);
}

static int make_skeletons(struct plant *p, struct err *err)
{
	AUTO_FD int fs = sys_fsopen("tmpfs");

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755") < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return err_sys(err, errno, "cannot mount a tmpfs");
	p->skeletons = sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (p->skeletons < 0)
		return err_sys(err, errno, "cannot mount a tmpfs");
	return attach(p, p->skeletons, "/", err);
}

static int say_readonly(struct plant *p, int live, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(live, &st) < 0 || !S_ISDIR(st.st_mode) ||
	    attributes_of(live) & MOUNT_ATTR_RDONLY || faccessat(live, ".", W_OK, AT_EACCESS) < 0)
		return 0;
	return strings_addf(p->readonly, err, "%s is read-only: overlayfs cannot cover it%s", path,
			    geteuid() == 0 ? "" : " for an ordinary user");
}

static int place_skeleton(struct plant *p, int live, const char *path, struct err *err)
{
	AUTO_FD int dir = openat(live, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct skeleton s = {p, path, live};
	int r;

	if (dir < 0) {
		r = say_readonly(p, live, path, err);
		return r < 0 ? r : bind_live(p, live, path, true, err);
	}
	r = p->skeletons < 0 ? make_skeletons(p, err) : 0;
	if (r == 0)
		r = say_readonly(p, live, path, err);
	return r < 0 ? r : file_each_name(dir, place_entry, &s, err);
}

/* Directories that the copy has as they are. */
static bool is_kept(const char *path, bool *readonly)
{
	static const char *const kept[] = {"/dev", "/run", "/sys", PINLIB_LIBDIR};

	*readonly = false;
	if (strcmp(path, "/proc") == 0)
		return true;
	*readonly = true;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (strcmp(path, kept[i]) == 0)
			return true;
	return false;
}

/* The mounts that the overlay over path hides. */
static int place_mounts_below(struct plant *p, int live, const char *path, struct err *err)
{
	uint64_t id;
	int r = mount_id(live, "", AT_EMPTY_PATH, &id);

	if (r < 0)
		return err_sys(err, -r, "cannot tell which mount %s is on", path);
	for (size_t i = 0; r == 0 && i < p->nmounts; i++)
		if (p->mounts[i].parent == id && strictly_below(p->mounts[i].point, path))
			r = place_path(p, p->mounts[i].point, false, err);
	return r;
}

static int place_dir(struct plant *p, int live, const char *path, bool in_skeleton, struct err *err)
{
	AUTO_FD int mount = -1;
	int r = cover_live(p, live, path, &mount, err);

	if (r == 0 && mount >= 0) {
		r = attach(p, mount, path, err);
		return r < 0 ? r : place_mounts_below(p, live, path, err);
	}
	if (r == 0 && in_skeleton && has_mounts_below(p, path))
		return place_skeleton(p, live, path, err);
	if (r == 0)
		r = say_readonly(p, live, path, err);
	return r < 0 ? r : bind_live(p, live, path, true, err);
}

/* A mount that has disappeared meanwhile is left out. */
static int place_path(struct plant *p, const char *path, bool in_skeleton, struct err *err)
{
	AUTO_FD int live = sys_openat2(AT_FDCWD, path, OPEN_PLACE, NO_LINKS);
	bool readonly;
	struct stat st;
	uint64_t id;

	if (live < 0)
		return 0;
	/* A FUSE file system refuses all users but its own. */
	if (fstat(live, &st) < 0)
		return bind_live(p, live, path, true, err);
	if (!is_kept(path, &readonly) && S_ISDIR(st.st_mode) &&
	    !(mount_id(live, "", AT_EMPTY_PATH, &id) == 0 && is_view(p, id)))
		return place_dir(p, live, path, in_skeleton, err);
	return bind_live(p, live, path, readonly, err);
}

/* -- the whole -- */

/* The tree that was made of this directory, covered or not; NULL: none. */
static const struct scratch_tree *find_tree(const struct plant *p, const char *path)
{
	const struct scratch_trees *trees = p->scratch->trees;

	for (size_t i = 0; i < trees->count; i++)
		if (strcmp(trees->items[i].path, path) == 0)
			return &trees->items[i];
	return NULL;
}

/* In a user namespace overlayfs copies no directory of another user or group into the upper directory, and no file below
 * such a directory. So a directory in which the user may write, and that overlayfs could not copy, becomes a tree of
 * its own. path is a directory without links. */
static int place_writable(struct plant *p, const char *path, struct err *err)
{
	char part[PATH_MAX];
	bool copies = false;
	int r = 0;

	for (size_t i = 1; r == 0 && i <= strlen(path); i++) {
		const struct scratch_tree *tree;
		struct stat st;

		if (path[i] != '/' && path[i] != '\0')
			continue;
		snprintf(part, sizeof part, "%.*s", (int)i, path);
		if (lstat(part, &st) < 0 || !S_ISDIR(st.st_mode) || is_kept(part, &(bool){false}))
			return 0;
		tree = find_tree(p, part);
		copies = tree ? tree->covered
			      : copies && st.st_uid == geteuid() && st.st_gid == getegid();
		if (!tree && !copies && access(part, W_OK) == 0) {
			r = place_path(p, part, false, err);
			copies = true;
		}
	}
	return r;
}

static int place_wanted(struct plant *p, const struct strings *wanted, struct err *err)
{
	struct err ignored;
	int r = 0;

	if (!find_tree(p, "/dev/shm") && mount_is_root("/dev/shm"))
		r = place_path(p, "/dev/shm", false, err);
	for (size_t i = 0; r == 0 && geteuid() != 0 && i < wanted->count; i++) {
		char path[PATH_MAX], real[PATH_MAX];
		size_t existing;
		struct stat st;

		if (path_normalise(wanted->items[i], path, &ignored) < 0 ||
		    path_resolve(path, real, &existing, &ignored) < 0)
			continue;
		real[existing] = '\0';
		if (lstat(real, &st) == 0 && !S_ISDIR(st.st_mode))
			path_dir(real, path);
		else
			snprintf(path, sizeof path, "%s", real);
		r = place_writable(p, path, err);
	}
	return r;
}

/* The program must reach the upper directories only through the overlays. */
static int hide_scratch(struct plant *p, struct err *err)
{
	AUTO_FD int fs = sys_fsopen("tmpfs");
	AUTO_FD int mount = -1;

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return err_sys(err, errno, "cannot mount a tmpfs");
	mount = sys_fsmount(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return mount < 0 ? err_sys(err, errno, "cannot mount a tmpfs")
			 : attach(p, mount, p->scratch->dir, err);
}

/* Root may write the kernel's settings by its user number alone, without capabilities. */
static int close_settings(struct plant *p, struct err *err)
{
	static const char *const settings[] = {"/proc/sys", "/proc/sysrq-trigger"};
	int r = 0;

	for (size_t i = 0; r == 0 && geteuid() == 0 && i < sizeof settings / sizeof *settings;
	     i++) {
		AUTO_FD int live = sys_openat2(AT_FDCWD, settings[i], OPEN_PLACE, NO_LINKS);

		if (live >= 0)
			r = bind_live(p, live, settings[i], true, err);
	}
	return r;
}

static int change_root(struct plant *p, const char *cwd, struct err *err)
{
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};

	if (p->skeletons >= 0 &&
	    sys_mount_setattr(p->skeletons, "", AT_EMPTY_PATH, &readonly, sizeof readonly) < 0)
		return err_sys(err, errno, "cannot make the root of the scratch read-only");
	/* The old root ends up on top of the new one, from where it is unmounted: see pivot_root(2). */
	if (fchdir(p->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(err, errno, "cannot change the root directory (is this a chroot?)");
	if (sys_umount(".") < 0)
		return err_sys(err, errno, "cannot leave the live files");
	if (chdir(*cwd ? cwd : "/") < 0)
		return err_sys(err, errno, "cannot enter %s in the scratch", cwd);
	return 0;
}

int tree_enter(struct scratch *scratch, const struct strings *wanted, struct strings *readonly,
	       struct err *err)
{
	CLEANUP(plant_free)
	struct plant p = {.scratch = scratch, .readonly = readonly, .root = -1, .skeletons = -1};
	char cwd[PATH_MAX];
	int r;

	if (!getcwd(cwd, sizeof cwd) || *cwd != '/')
		*cwd = '\0';
	r = scratch_reopen(scratch, err);
	if (r == 0)
		r = mountinfo_each(note_mount, &p, err);
	if (r == 0)
		r = place_path(&p, "/", true, err);
	if (r == 0 && !p.any)
		r = err_set(err, EOPNOTSUPP, "overlayfs can cover no directory of this system");
	if (r == 0)
		r = place_wanted(&p, wanted, err);
	if (r == 0)
		r = close_settings(&p, err);
	if (r == 0)
		r = hide_scratch(&p, err);
	return r < 0 ? r : change_root(&p, cwd, err);
}

/* -- the seal -- */

/* Maps each user of this namespace to the same number in the namespace of pid. */
static int write_map(pid_t pid, const char *name)
{
	char path[64], map[4096];
	AUTO_FILE FILE *own = NULL;
	AUTO_FD int fd = -1;
	unsigned inside, outside, count;
	size_t used = 0;

	snprintf(path, sizeof path, "/proc/self/%s", name);
	own = fopen(path, "re");
	while (own && used < sizeof map - 64 &&
	       fscanf(own, "%u %u %u", &inside, &outside, &count) == 3)
		used += (size_t)snprintf(map + used, sizeof map - used, "%u %u %u\n", inside,
					 inside, count);
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, map, used) == (ssize_t)used ? 0 : errno;
}

/* Runs in the parent user namespace: only a process there may map more than one user. */
static int write_maps(pid_t pid)
{
	int r = write_map(pid, "uid_map");

	return r ? r : write_map(pid, "gid_map");
}

int tree_seal(struct err *err)
{
	AUTO_FD int ours = -1, theirs = -1;
	int ends[2], status;
	pid_t self = getpid(), helper;
	char go;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	theirs = ends[0];
	ours = ends[1];
	helper = fork();
	if (helper < 0)
		return err_sys(err, errno, "cannot start a process");
	if (helper == 0) {
		close(ours);
		_exit(read(theirs, &go, 1) == 1 ? write_maps(self) : ECANCELED);
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return err_sys(err, errno,
			       "cannot make a user namespace (see user.max_user_namespaces)");
	if (write(ours, "", 1) != 1)
		return err_sys(err, errno, "cannot write to a pipe");
	while (waitpid(helper, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for a process");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, EPERM, "cannot map the users of a user namespace: %s",
			       WIFEXITED(status) ? strerror(WEXITSTATUS(status)) : "killed");
	return 0;
}
