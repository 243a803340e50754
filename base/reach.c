#include "base/reach.h"

#include "base/fuse.h"
#include "base/mount_id.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#define LINKS_MAX 40 /* as the kernel has it */
#define NOBODY_ELSE ((uid_t)-1)

struct walk {
	struct reach *out;
	int how;
	char rest[2 * PATH_MAX]; /* what is still to be looked up */
	int at;			 /* the directory that has been reached, and what it is */
	struct stat st;
	uint64_t known; /* a mount that may be asked */
	size_t links;
	/* Who could have chosen, with an exchange, where the names so far lead to. */
	uid_t other;
	bool others; /* more than one */
};

void reach_end(struct reach *r)
{
	cleanup_fd(&r->fd);
	cleanup_fd(&r->dir);
	*r = REACH_NONE;
}

static bool is_ours(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static void add_other(struct walk *w, uid_t uid)
{
	if (is_ours(uid))
		return;
	w->others |= w->other != NOBODY_ELSE && w->other != uid;
	w->other = uid;
}

/* Whoever can write a directory can exchange what is in it; in a sticky one, each their own only. */
static void note_writers(struct walk *w, const struct stat *child)
{
	add_other(w, w->st.st_uid);
	if (!(w->st.st_mode & (S_IWGRP | S_IWOTH)))
		return;
	if (w->st.st_mode & S_ISVTX)
		add_other(w, child->st_uid);
	else
		w->others = true;
}

static void note_closed(struct walk *w, const struct stat *st)
{
	struct reach *r = w->out;

	if (st->st_mode & (S_ISDIR(st->st_mode) ? S_IXOTH : S_IROTH))
		return;
	if (!r->closed[0])
		memcpy(r->closed, r->path, sizeof r->closed);
	r->meant &= !w->others && (w->other == NOBODY_ELSE || w->other == st->st_uid);
}

/* -- the path as text -- */

static int too_long(const struct walk *w, struct err *err)
{
	return err_set(err, ENAMETOOLONG, "%.64s...: path too long", w->out->path);
}

static int path_push(struct walk *w, const char *name, struct err *err)
{
	char *path = w->out->path;
	size_t used = strcmp(path, "/") == 0 ? 0 : strlen(path);
	int n = snprintf(path + used, PATH_MAX - used, "/%s", name);

	return n < 0 || (size_t)n >= PATH_MAX - used ? too_long(w, err) : 0;
}

static void path_pop(struct walk *w)
{
	char *slash = strrchr(w->out->path, '/');

	slash[slash == w->out->path] = '\0';
}

/* The next component; "" at the end. */
static int cut_name(struct walk *w, char name[NAME_MAX + 1], struct err *err)
{
	size_t skip = strspn(w->rest, "/"), len = strcspn(w->rest + skip, "/");

	if (len > NAME_MAX)
		return err_sys(err, ENAMETOOLONG, "cannot open a name in %s", w->out->path);
	memcpy(name, w->rest + skip, len);
	name[len] = '\0';
	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
	return 0;
}

/* A link's target goes before what follows the link. */
static int put_before(struct walk *w, const char *target, struct err *err)
{
	char rest[sizeof w->rest];
	int n = snprintf(rest, sizeof rest, "%s%s", target, w->rest);

	if (n < 0 || (size_t)n >= sizeof rest)
		return too_long(w, err);
	memcpy(w->rest, rest, (size_t)n + 1);
	return 0;
}

/* -- steps -- */

static void come_to(struct walk *w, int fd, const struct stat *st)
{
	cleanup_fd(&w->at);
	w->at = fd;
	w->st = *st;
}

static int go_to_root(struct walk *w, struct err *err)
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

static int go_up(struct walk *w, struct err *err)
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

/* Of procfs: a link that the kernel follows to the thing itself, whatever its text says. */
static bool is_magic(const struct walk *w, const char *target)
{
	struct statfs fs;

	return (target[0] == '/' || strpbrk(target, ":(")) && fstatfs(w->at, &fs) == 0 &&
	       fs.f_type == PROC_SUPER_MAGIC;
}

/* A descriptor, most of all: where it has come from is not known. */
static int go_by_magic(struct walk *w, const char *name, int *fd, struct stat *st, struct err *err)
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

/* 1: the link leads to *fd at once; 0: its target is to be looked up. */
static int follow(struct walk *w, const char *name, int *fd, struct stat *st, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(*fd, "", target, sizeof target - 1);
	int r;

	if (n < 0)
		return err_sys(err, errno, "cannot read the link %s", w->out->path);
	target[n] = '\0';
	if (geteuid() == 0 && st->st_uid != 0)
		return err_set(err, EPERM,
			       "%s is a symbolic link of user %u: root follows only links that "
			       "root made; give "
			       "the path that it leads to",
			       w->out->path, st->st_uid);
	if (++w->links > LINKS_MAX)
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

/* O_DIRECTORY first: it makes an automount point mount what belongs there. */
static int open_name(const struct walk *w, const char *name)
{
	int how = O_PATH | O_NOFOLLOW | O_CLOEXEC, fd = openat(w->at, name, how | O_DIRECTORY);

	return fd < 0 && errno == ENOTDIR ? openat(w->at, name, how) : fd;
}

/* The way ends where nothing has the last name. */
static int end_missing(struct walk *w, int errnum, struct err *err)
{
	bool last = w->rest[0] == '\0';

	if (errnum == ENOENT && last && w->how & REACH_NEW)
		return 1;
	return err_sys(err, errnum, "cannot open %s", w->out->path);
}

/* 1: the way ends here; 0: it goes on. */
static int take(struct walk *w, const char *name, int *fd, struct stat *st, struct err *err)
{
	bool last = w->rest[0] == '\0';
	int r;

	note_writers(w, st);
	if (S_ISLNK(st->st_mode) && !(last && w->how & REACH_LINK)) {
		r = follow(w, name, fd, st, err);
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

static int step(struct walk *w, const char *name, struct err *err)
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
	return take(w, name, &fd, &st, err);
}

static int walk(struct walk *w, struct err *err)
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
		r = step(w, name, err);
	}
	w->out->fd = w->at; /* a directory */
	w->out->st = w->st;
	w->at = -1;
	return 0;
}

static int begin(struct walk *w, const char *path, struct err *err)
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
	struct walk w = {
		.out = out, .how = how, .at = -1, .known = MOUNT_ID_UNKNOWN, .other = NOBODY_ELSE};
	int r;

	*out = REACH_NONE;
	out->meant = true;
	r = begin(&w, path, err);
	if (r == 0)
		r = walk(&w, err);
	cleanup_fd(&w.at);
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
	return err_set(err, EPERM, "%s is not for everybody to read, as the store is", r->closed);
}

int reach_allowed(const char *path, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;

	return reach(path, 0, &at, err) == -EPERM ? -EPERM : 0;
}
