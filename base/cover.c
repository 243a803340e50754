#include "base/cover.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/mountinfo.h"
#include "base/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define OPEN_PLACE (O_PATH | O_NOFOLLOW | O_CLOEXEC)
#define OPEN_DIR (OPEN_PLACE | O_DIRECTORY)
#define NO_LINKS (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH)
#define SAME_MOUNT (NO_LINKS | RESOLVE_NO_XDEV)

/* -- one overlay -- */

#define OPTIONS_MAX 4096 /* with the NUL: copy_mount_options in the kernel's fs/namespace.c */
#define SOURCE_MAX 256

/* The options of mount(2): one string of a page at most. */
struct mount_options {
	size_t used;
	bool overflow;
	char text[OPTIONS_MAX];
};

static void add_option(struct mount_options *o, const char *s, size_t len)
{
	o->overflow |= len >= sizeof o->text - o->used;
	if (o->overflow)
		return;
	memcpy(o->text + o->used, s, len);
	o->used += len;
}

/* A path in lowerdir: ':' separates layers, ',' separates options, and a backslash escapes either
 * (Documentation/filesystems/overlayfs.rst, "Multiple lower layers"). */
static void add_layer(struct mount_options *o, const char *path)
{
	for (const char *p = path; *p; p++) {
		if (*p == ':' || *p == ',' || *p == '\\')
			add_option(o, "\\", 1);
		add_option(o, p, 1);
	}
}

/* overlayfs must not follow redirects that a layer or a live directory has in its attributes; the other options
 * turn off features that need an upper layer. */
static const char fixed_options[] = ",redirect_dir=nofollow,metacopy=off,index=off,xino=off";

int cover_mount(const struct cover *cover, const char *label, struct err *err)
{
	static struct mount_options
		options; /* static: a smaller stack makes the wrapper start faster */
	unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV;
	char source[SOURCE_MAX];
	struct statvfs live;
	uint64_t before;

	/* If the administrator mounted the live files noexec, the overlay must not undo that. */
	if (statvfs(cover->target, &live) < 0)
		return err_sys(err, errno, "cannot mount an overlay on %s", cover->target);
	if (live.f_flag & ST_NOEXEC)
		flags |= MS_NOEXEC;
	options.used = 0;
	options.overflow = false;
	add_option(&options, "lowerdir=", strlen("lowerdir="));
	add_layer(&options, cover->layer);
	add_option(&options, ":", 1);
	add_layer(&options, cover->target);
	add_option(&options, fixed_options, sizeof fixed_options - 1);
	if (options.overflow)
		return err_sys(err, ENAMETOOLONG, "cannot mount an overlay on %s", cover->target);
	options.text[options.used] = '\0';
	snprintf(source, sizeof source, "%s%s", PINLIB_SOURCE, label);
	before = mount_id_at(cover->target, 0);
	if (sys_mount(source, cover->target, "overlay", flags, options.text) < 0)
		return err_sys(err, errno,
			       "cannot mount an overlay on %s (the kernel's log may say more)",
			       cover->target);
	if (mount_id_at(cover->target, 0) == before)
		return err_set(err, EPERM, "the overlay was mounted on %s but is not there",
			       cover->target);
	return 0;
}

/* A covered directory: how it looks without its overlay, and the overlay's root. */
struct covered {
	const char *target;
	size_t len; /* of target */
	int live, over;
	uint64_t live_id;
};

struct covered_dirs {
	struct covered items[COVERS_MAX];
	size_t count;
};

static void covered_dirs_close(struct covered_dirs **dirs)
{
	for (struct covered *c = (*dirs)->items; (*dirs)->count > 0; c++, (*dirs)->count--) {
		cleanup_fd(&c->live);
		cleanup_fd(&c->over);
	}
}

/* -- is anything mounted below? -- */

/* Whether anything is mounted below target; true also if the kernel does not tell. The directory is bound onto
 * itself with all mounts on it, and MNT_EXPIRE (umount(2)) asks whether that bind is in use, as a mount on it makes
 * it. The first such call marks an unused mount and unmounts nothing. The bind stays below the overlay: it shows the
 * same directory, and unmounting it would wait for all processors. If target is a mount already, such as the bind of
 * a view that the caller left (exec --host), that mount is asked, so that binds do not pile up. No mount of a new
 * namespace is marked yet. */
static bool bears_mounts(const char *target)
{
	if (sys_umount_expired(target) < 0 && errno != EINVAL)
		return errno != EAGAIN;
	return sys_mount(target, target, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	       sys_umount_expired(target) == 0 || errno != EAGAIN;
}

/* For up to so many directories, asking about each is faster than reading the mount table. */
#define ASK_MAX 4

static bool any_bears_mounts(const struct cover *covers, size_t n)
{
	/* A system-call filter answers without looking: it gives the same answer for an empty path. */
	bool any = n > ASK_MAX || sys_umount_expired("") == 0 || errno == EAGAIN;

	for (size_t i = 0; i < n && !any; i++)
		any = bears_mounts(covers[i].target);
	return any;
}

/* -- mounts below -- */

/* If the number is no descriptor of ours, a system-call filter invented it. */
static int check_opened(int *fd, struct err *err)
{
	int set = fcntl(*fd, F_GETFD);

	if (set >= 0 && set & FD_CLOEXEC)
		return 0;
	*fd = -1;
	return err_set(err, EPERM, "a system-call filter fakes the result of opening a file");
}

static int open_target(const char *target, int *out, struct err *err)
{
	/* Not open(3): musl's sets FD_CLOEXEC in a second system call, whatever the flags. */
	*out = openat(AT_FDCWD, target, OPEN_DIR);
	return *out < 0 ? err_sys(err, errno, "cannot open %s", target) : check_opened(out, err);
}

static int open_live(const struct cover *cover, struct covered_dirs *dirs, struct err *err)
{
	struct covered *at = &dirs->items[dirs->count++];
	int r;

	*at = (struct covered){.target = cover->target, .len = strlen(cover->target), .over = -1};
	r = open_target(cover->target, &at->live, err);
	if (r < 0)
		return r;
	r = mount_id(at->live, "", AT_EMPTY_PATH, &at->live_id);
	return r < 0 ? err_sys(err, -r, "cannot tell which mount %s is on", cover->target) : 0;
}

/* The path no longer leads to the mount that the table listed: a user moved it, or the caller may not see it. */
static bool is_moved(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES || errnum == ELOOP ||
	       errnum == EXDEV || errnum == ENAMETOOLONG || errnum == ESTALE;
}

/* *out stays -1 if the name leads nowhere now. */
static int open_beneath(int dir, const char *name, unsigned flags, unsigned resolve, int *out,
			struct err *err)
{
	*out = sys_openat2(dir, name, flags, resolve);
	if (*out < 0)
		return is_moved(errno) ? 0 : err_sys(err, errno, "cannot open %s", name);
	return check_opened(out, err);
}

/* Opens the directory DIR of the name DIR/BASE, within fd's own mount. */
static int open_dir_of(int fd, const char *name, const char *base, int *out, struct err *err)
{
	char dir[PATH_MAX] = ".";
	size_t len = (size_t)(base - name); /* of DIR and its slash */

	if (len >= sizeof dir)
		return 0;
	if (len) {
		memcpy(dir, name, len - 1);
		dir[len - 1] = '\0';
	}
	return open_beneath(fd, dir, OPEN_DIR, SAME_MOUNT, out, err);
}

/* Copies a mount with all mounts on it. *copy stays -1 if the mount is unbindable or has been unmounted. */
static int copy_tree(int mount, const char *name, int *copy, struct err *err)
{
	*copy = sys_open_tree(mount, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				      AT_RECURSIVE_MOUNTS);
	if (*copy < 0)
		return errno == EINVAL ? 0
				       : err_sys(err, errno, "cannot copy the mount of %s", name);
	return check_opened(copy, err);
}

/* Copies the mount that is on name now; *copy stays -1 if there is none. */
static int copy_mount(const struct covered *at, const char *name, const char *base, int *copy,
		      struct err *err)
{
	AUTO_FD int dir = -1, mount = -1;
	struct mount_place seen;
	int r = open_dir_of(at->live, name, base, &dir, err);

	if (r == 0 && dir >= 0)
		r = open_beneath(dir, base, OPEN_PLACE, NO_LINKS, &mount, err);
	if (r < 0 || mount < 0)
		return r;
	r = mount_look(mount, "", AT_EMPTY_PATH, &seen);
	if (r < 0)
		return err_sys(err, -r, "cannot tell which mount is on %s", name);
	return seen.root && seen.id != at->live_id ? copy_tree(mount, name, copy, err) : 0;
}

/* Whether DIR/BASE shows this mount now. */
static bool is_seen(int mount, int dir, const char *base)
{
	uint64_t seen, own;

	return mount_id(mount, "", AT_EMPTY_PATH, &own) == 0 &&
	       mount_id(dir, base, AT_SYMLINK_NOFOLLOW, &seen) == 0 && own == seen;
}

/* Attaches the copy to the same name in the overlay. If the name is gone by now, or is another kind of file, a user
 * moved it, and the mount is left out. */
static int put_copy(const struct covered *at, int copy, const char *name, const char *base,
		    struct err *err)
{
	AUTO_FD int dir = -1, place = -1;
	int r = open_dir_of(at->over, name, base, &dir, err);

	if (r == 0 && dir >= 0)
		r = open_beneath(dir, base, OPEN_PLACE, SAME_MOUNT, &place, err);
	if (r < 0 || place < 0)
		return r;
	if (sys_move_mount_to(copy, place) < 0)
		return errno == EINVAL || errno == ENOTDIR || errno == ENOENT
			       ? 0
			       : err_sys(err, errno, "cannot mount on %s/%s", at->target, name);
	if (!is_seen(copy, dir, base))
		return err_set(err, EPERM, "a mount was copied to %s/%s but is not there",
			       at->target, name);
	return 0;
}

static int show_again(struct covered *at, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	AUTO_FD int copy = -1;
	int r = copy_mount(at, name, base, &copy, err);

	if (r == 0 && copy >= 0 && at->over < 0)
		r = open_target(at->target, &at->over, err);
	return r < 0 || copy < 0 ? r : put_copy(at, copy, name, base, err);
}

/* The overlay hides the mounts whose parent is the directory's own mount; mounts on those are copied with them. */
static int show_hidden(const struct mountinfo *m, void *ctx, struct err *err)
{
	struct covered_dirs *dirs = ctx;

	for (size_t i = 0; i < dirs->count; i++) {
		struct covered *at = &dirs->items[i];

		if (m->parent != at->live_id || strncmp(m->point, at->target, at->len) != 0 ||
		    m->point[at->len] != '/')
			continue;
		return show_again(at, m->point + at->len + 1, err);
	}
	return 0;
}

/* -- all overlays -- */

int covers_lay(const struct cover *covers, size_t n, const char *label, struct err *err)
{
	static struct covered_dirs
		dirs; /* static: a smaller stack makes the wrapper start faster */
	CLEANUP(covered_dirs_close) struct covered_dirs *below = &dirs;
	bool hide;
	int r = 0;

	if (n > COVERS_MAX)
		return err_set(err, E2BIG, "more than %d covered directories", COVERS_MAX);
	hide = any_bears_mounts(covers, n);
	for (size_t i = 0; r == 0 && hide && i < n; i++)
		r = open_live(&covers[i], below, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = cover_mount(&covers[i], label, err);
	return r < 0 || !hide ? r : mountinfo_each(show_hidden, below, err);
}
