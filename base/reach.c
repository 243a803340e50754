#include "base/reach.h"

#include "base/fuse.h"
#include "base/mount.h"
#include "base/path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#define NOBODY_ELSE ((uid_t)UINT32_MAX)

struct reach_walk {
	struct reach *out;
	int how;
	char rest[2 * PATH_MAX]; /* the components that are still to be resolved */
	int at;			 /* the directory reached so far */
	struct stat st;
	uint64_t known; /* a mount that is not a user's FUSE file system */
	size_t links;
	/* A user who could have exchanged one of the names so far. */
	uid_t other;
	bool others; /* there may be more such users */
};

void reach_end(struct reach *r)
{
	cleanup_fd(&r->fd);
	cleanup_fd(&r->dir);
	*r = REACH_NONE;
}

static bool is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static void add_other(struct reach_walk *w, uid_t uid)
{
	if (is_trusted(uid))
		return;
	w->others |= w->other != NOBODY_ELSE && w->other != uid;
	w->other = uid;
}

/* Who can write a directory can exchange the files in it; in a sticky directory only their own. */
static void note_writers(struct reach_walk *w, const struct stat *child)
{
	add_other(w, w->st.st_uid);
	if (!(w->st.st_mode & (S_IWGRP | S_IWOTH)))
		return;
	if (w->st.st_mode & S_ISVTX)
		add_other(w, child->st_uid);
	else
		w->others = true;
}

static void note_closed(struct reach_walk *w, const struct stat *st)
{
	struct reach *r = w->out;

	if (st->st_mode & (S_ISDIR(st->st_mode) ? S_IXOTH : S_IROTH))
		return;
	if (!r->closed[0])
		memcpy(r->closed, r->path, sizeof r->closed);
	r->meant &= !w->others && (w->other == NOBODY_ELSE || w->other == st->st_uid);
}

/* -- the path as text -- */

static int too_long(const struct reach_walk *w, struct err *err)
{
	return err_set(err, ENAMETOOLONG, "%.64s...: path too long", w->out->path);
}

static int path_push(struct reach_walk *w, const char *name, struct err *err)
{
	char *path = w->out->path;
	size_t used = strcmp(path, "/") == 0 ? 0 : strlen(path);
	int n = snprintf(path + used, PATH_MAX - used, "/%s", name);

	return n < 0 || (size_t)n >= PATH_MAX - used ? too_long(w, err) : 0;
}

static void path_pop(struct reach_walk *w)
{
	char *slash = strrchr(w->out->path, '/');

	slash[slash == w->out->path] = '\0';
}

/* The next component; "" at the end. */
static int cut_name(struct reach_walk *w, char name[NAME_MAX + 1], struct err *err)
{
	size_t skip = strspn(w->rest, "/"), len = strcspn(w->rest + skip, "/");

	if (len > NAME_MAX)
		return err_sys(err, ENAMETOOLONG, "cannot open a name in %s", w->out->path);
	memcpy(name, w->rest + skip, len);
	name[len] = '\0';
	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
	return 0;
}

/* Puts a link's target before the rest of the path. */
static int put_before(struct reach_walk *w, const char *target, struct err *err)
{
	char rest[sizeof w->rest];
	int n = snprintf(rest, sizeof rest, "%s%s", target, w->rest);

	if (n < 0 || (size_t)n >= sizeof rest)
		return too_long(w, err);
	memcpy(w->rest, rest, (size_t)n + 1);
	return 0;
}

/* -- one component -- */

static void come_to(struct reach_walk *w, int fd, const struct stat *st)
{
	cleanup_fd(&w->at);
	w->at = fd;
	w->st = *st;
}

static int go_to_root(struct reach_walk *w, struct err *err)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		cleanup_fd(&fd);
		return err_sys(err, errno, "cannot open /");
	}
	come_to(w, fd, &st);
	snprintf(w->out->path, PATH_MAX, "/");
	return 0;
}

static int go_up(struct reach_walk *w, struct err *err)
{
	int fd = openat(w->at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		cleanup_fd(&fd);
		return err_sys(err, errno, "cannot open the directory above %s", w->out->path);
	}
	come_to(w, fd, &st);
	path_pop(w);
	note_closed(w, &st);
	cleanup_fd(&w->out->dir);
	w->out->dir = -1;
	return 0;
}

/* A link in procfs that the kernel follows to the file itself, whatever the link's text says. */
static bool is_magic(const struct reach_walk *w, const char *target)
{
	struct statfs fs;

	return (target[0] == '/' || strpbrk(target, ":(")) && fstatfs(w->at, &fs) == 0 &&
	       fs.f_type == PROC_SUPER_MAGIC;
}

/* Mostly a descriptor; nobody knows where its file was opened. */
static int go_by_magic(struct reach_walk *w, const char *name, int *fd, struct stat *st,
		       struct err *err)
{
	int r;

	cleanup_fd(fd);
	*fd = openat(w->at, name, O_PATH | O_CLOEXEC);
	if (*fd < 0)
		return err_sys(err, errno, "cannot open %s", w->out->path);
	r = fuse_refuse_users(*fd, w->out->path, &w->known, err);
	if (r < 0)
		return r;
	if (fstat(*fd, st) < 0)
		return err_sys(err, errno, "cannot stat %s", w->out->path);
	w->others = true;
	cleanup_fd(&w->out->dir);
	w->out->dir = -1;
	return 0;
}

/* 1: the link led to *fd directly; 0: its target is next to be resolved. */
static int follow_link(struct reach_walk *w, const char *name, int *fd, struct stat *st,
		       struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(*fd, "", target, sizeof target - 1);
	int r;

	if (n < 0)
		return err_sys(err, errno, "cannot read the link %s", w->out->path);
	target[n] = '\0';
	if (geteuid() == 0 && st->st_uid != 0)
		return err_set(err, EPERM,
			       "%s is a symbolic link of user %u, and root follows only its own "
			       "links; give the path that the link leads to",
			       w->out->path, st->st_uid);
	if (++w->links > PATH_LINKS_MAX)
		return err_sys(err, ELOOP, "cannot open %s", w->out->path);
	if (is_magic(w, target)) {
		r = go_by_magic(w, name, fd, st, err);
		return r < 0 ? r : 1;
	}
	r = put_before(w, target, err);
	if (r == 0 && target[0] == '/')
		return go_to_root(w, err);
	if (r == 0)
		path_pop(w);
	return r;
}

/* First with O_DIRECTORY, which triggers an automount point. */
static int open_name(const struct reach_walk *w, const char *name)
{
	int how = O_PATH | O_NOFOLLOW | O_CLOEXEC, fd = openat(w->at, name, how | O_DIRECTORY);

	return fd < 0 && errno == ENOTDIR ? openat(w->at, name, how) : fd;
}

/* The walk ends at a missing file. */
static int end_missing(struct reach_walk *w, int errnum, struct err *err)
{
	bool last = w->rest[0] == '\0';

	if (errnum == ENOENT && last && w->how & REACH_NEW)
		return 1;
	return err_sys(err, errnum, "cannot open %s", w->out->path);
}

/* 1: the walk ends here; 0: it goes on. */
static int enter_file(struct reach_walk *w, const char *name, int *fd, struct stat *st,
		      struct err *err)
{
	bool last = w->rest[0] == '\0';
	int r;

	note_writers(w, st);
	if (S_ISLNK(st->st_mode) && !(last && w->how & REACH_LINK)) {
		r = follow_link(w, name, fd, st, err);
		if (r <= 0)
			return r;
	}
	if (!S_ISLNK(st->st_mode))
		note_closed(w, st);
	if (S_ISDIR(st->st_mode)) {
		come_to(w, *fd, st);
		*fd = -1;
		return 0;
	}
	if (!last)
		return err_sys(err, ENOTDIR, "cannot open %s", w->out->path);
	w->out->fd = *fd;
	w->out->st = *st;
	*fd = -1;
	return 1;
}

static int walk_step(struct reach_walk *w, const char *name, struct err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int r;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return go_up(w, err);
	r = path_push(w, name, err);
	if (r < 0)
		return r;
	cleanup_fd(&w->out->dir);
	w->out->dir = fcntl(w->at, F_DUPFD_CLOEXEC, 0);
	snprintf(w->out->name, sizeof w->out->name, "%s", name);
	fd = open_name(w, name);
	if (fd < 0)
		return end_missing(w, errno, err);
	r = fuse_refuse_users(fd, w->out->path, &w->known, err);
	if (r < 0)
		return r;
	if (w->out->dir < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", w->out->path);
	return enter_file(w, name, &fd, &st, err);
}

static int walk_all(struct reach_walk *w, struct err *err)
{
	char name[NAME_MAX + 1];
	int r = go_to_root(w, err);

	for (;;) {
		if (r == 0)
			r = cut_name(w, name, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (!*name)
			break;
		r = walk_step(w, name, err);
	}
	w->out->fd = w->at; /* a directory */
	w->out->st = w->st;
	w->at = -1;
	return 0;
}

static int walk_begin(struct reach_walk *w, const char *path, struct err *err)
{
	char cwd[PATH_MAX] = "";
	int n;

	if (!*path)
		return err_sys(err, ENOENT, "cannot open an empty path");
	if (*path != '/' && !getcwd(cwd, sizeof cwd))
		return err_sys(err, errno, "cannot tell the working directory");
	n = snprintf(w->rest, sizeof w->rest, "%s/%s", cwd, path);
	return n < 0 || (size_t)n >= sizeof w->rest
		       ? err_set(err, ENAMETOOLONG, "%.64s...: path too long", path)
		       : 0;
}

int reach(const char *path, int how, struct reach *out, struct err *err)
{
	struct reach_walk w = {
		.out = out, .how = how, .at = -1, .known = MOUNT_ID_UNKNOWN, .other = NOBODY_ELSE};
	int r;

	*out = REACH_NONE;
	out->meant = true;
	r = walk_begin(&w, path, err);
	if (r == 0)
		r = walk_all(&w, err);
	cleanup_fd(&w.at);
	if (r < 0)
		reach_end(out);
	return r;
}

static int enter_beside(struct reach *out, const char *name, struct err *err)
{
	int how = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	uint64_t known = MOUNT_ID_UNKNOWN;
	int r;

	out->fd = openat(out->dir, name, how | O_DIRECTORY);
	if (out->fd < 0 && errno == ENOTDIR)
		out->fd = openat(out->dir, name, how);
	if (out->fd < 0)
		return err_sys(err, errno, "cannot open %s", out->path);
	r = fuse_refuse_users(out->fd, out->path, &known, err);
	if (r < 0)
		return r;
	if (fstat(out->fd, &out->st) < 0)
		return err_sys(err, errno, "cannot stat %s", out->path);
	if (!S_ISLNK(out->st.st_mode) &&
	    !(out->st.st_mode & (S_ISDIR(out->st.st_mode) ? S_IXOTH : S_IROTH)))
		memcpy(out->closed, out->path, sizeof out->closed);
	return 0;
}

int reach_beside(const struct reach *before, const char *name, struct reach *out, struct err *err)
{
	char dir[PATH_MAX];
	int r;

	*out = REACH_NONE;
	path_dir(before->path, dir);
	r = path_join(dir, name, out->path, err);
	if (r < 0)
		return r;
	snprintf(out->name, sizeof out->name, "%s", name);
	out->dir = fcntl(before->dir, F_DUPFD_CLOEXEC, 0);
	r = out->dir < 0 ? err_sys(err, errno, "cannot open %s", dir)
			 : enter_beside(out, name, err);
	if (r < 0)
		reach_end(out);
	return r;
}

int reach_open(const struct reach *r, int flags, struct err *err)
{
	char self[64];
	int fd;

	snprintf(self, sizeof self, "/proc/self/fd/%d", r->fd);
	fd = open(self, flags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? err_sys(err, errno, "cannot open %s", r->path) : fd;
}

int reach_public(const struct reach *r, bool named, struct err *err)
{
	if (!r->closed[0] || (named && r->meant))
		return 0;
	return err_set(err, EPERM, "%s is not readable by all users, as the store is", r->closed);
}

int reach_allowed(const char *path, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;

	return reach(path, 0, &at, err) == -EPERM ? -EPERM : 0;
}
