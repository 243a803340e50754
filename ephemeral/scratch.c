#include "ephemeral/scratch.h"

#include "base/file.h"
#include "base/path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define SCRATCH_PREFIX "pinlib-scratch-"

/* tmpfs has user attributes from Linux 6.6 on. */
static bool can_hold(int fd)
{
	return fsetxattr(fd, "user.overlay.origin", "", 0, 0) == 0 &&
	       fremovexattr(fd, "user.overlay.origin") == 0;
}

/* -ENOENT: not there. */
static int make_below(const char *parent, struct scratch *s, struct err *err)
{
	char real[PATH_MAX];
	struct statfs fs;
	int fd;

	if (!realpath(parent, real) || statfs(real, &fs) < 0 ||
	    fs.f_type == OVERLAYFS_SUPER_MAGIC ||
	    (size_t)snprintf(s->dir, sizeof s->dir, "%s/" SCRATCH_PREFIX "XXXXXX", real) >=
		    sizeof s->dir ||
	    !mkdtemp(s->dir))
		return -ENOENT;
	fd = open(s->dir, OPEN_DIR);
	if (fd >= 0 && can_hold(fd)) {
		s->fd = fd;
		return 0;
	}
	cleanup_fd(&fd);
	rmdir(s->dir);
	return err_set(err, ENOENT, "not on %s", parent);
}

int scratch_make(struct scratch *out, bool fixed, struct err *err)
{
	const char *tmpdir = fixed ? NULL : getenv("TMPDIR");
	const char *places[] = {tmpdir && *tmpdir == '/' ? tmpdir : "/var/tmp", "/var/tmp", "/tmp"};
	int r = -ENOENT;

	*out = SCRATCH_NONE;
	for (size_t i = 0; r < 0 && i < sizeof places / sizeof *places; i++)
		r = make_below(places[i], out, err);
	if (r < 0)
		return err_set(err, EOPNOTSUPP,
			       "no scratch layer is possible in %s%s/var/tmp or /tmp: overlayfs "
			       "needs a writable "
			       "file system with user attributes that is no overlay itself; set "
			       "TMPDIR to a "
			       "directory on one",
			       tmpdir ? tmpdir : "", tmpdir ? ", " : "");
	out->trees = mmap(NULL, sizeof *out->trees, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out->trees == MAP_FAILED) {
		out->trees = NULL;
		return err_nomem(err);
	}
	if (mkdirat(out->fd, "root", 0755) < 0)
		return err_sys(err, errno, "cannot make %s/root", out->dir);
	clock_gettime(CLOCK_REALTIME, &out->began);
	clock_gettime(CLOCK_BOOTTIME, &out->lived);
	return 0;
}

void scratch_settle(const struct scratch *s)
{
	static const struct timespec millisecond = {.tv_nsec = 1000000};
	struct timespec now;

	/* Files get their times from this clock, which the kernel advances once a tick. */
	while (clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 &&
	       (now.tv_sec < s->began.tv_sec ||
		(now.tv_sec == s->began.tv_sec && now.tv_nsec <= s->began.tv_nsec)))
		nanosleep(&millisecond, NULL);
}

void scratch_free(struct scratch *s)
{
	if (s->trees)
		munmap(s->trees, sizeof *s->trees);
	cleanup_fd(&s->fd);
	*s = SCRATCH_NONE;
}

int scratch_reopen(struct scratch *s, struct err *err)
{
	int fd = open(s->dir, OPEN_DIR);
	struct stat was, is;

	if (fd < 0 || fstat(fd, &is) < 0 || fstat(s->fd, &was) < 0 || is.st_dev != was.st_dev ||
	    is.st_ino != was.st_ino) {
		cleanup_fd(&fd);
		return err_set(err, ESTALE, "%s has gone", s->dir);
	}
	cleanup_fd(&s->fd);
	s->fd = fd;
	return 0;
}

int scratch_delete(struct scratch *s, struct err *err)
{
	char parent[PATH_MAX];
	AUTO_FD int fd = -1;
	int r;

	path_dir(s->dir, parent);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? err_sys(err, errno, "cannot open %s", parent)
		   : file_remove_tree(fd, path_base(s->dir), err);
	scratch_free(s);
	return r;
}

/* -- one tree -- */

static unsigned own_rights(int live)
{
	static const struct {
		int right;
		unsigned bits;
	} rights[] = {{R_OK, 0444}, {W_OK, 0222}, {X_OK, 0111}};
	unsigned mode = 0;

	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
		if (faccessat(live, ".", rights[i].right, AT_EACCESS) == 0)
			mode |= rights[i].bits;
	return mode;
}

static int mirror(int live, int upper, struct stat *st, struct err *err)
{
	unsigned mode;

	if (fstat(live, st) < 0)
		return err_sys(err, errno, "cannot stat a directory");
	mode = st->st_mode & 07777;
	if (st->st_uid != geteuid() || st->st_gid != getegid()) {
		if (geteuid() != 0 || fchown(upper, st->st_uid, st->st_gid) < 0)
			mode = own_rights(live) | (st->st_mode & S_ISVTX);
	}
	return fchmod(upper, mode) < 0 ? err_sys(err, errno, "cannot set a mode") : 0;
}

static int make_dir(int dir, const char *name, int *out)
{
	if (mkdirat(dir, name, 0700) < 0)
		return -errno;
	*out = openat(dir, name, OPEN_DIR);
	return *out < 0 ? -errno : 0;
}

int scratch_cover(struct scratch *s, int live, const char *path, int *upper, int *work,
		  struct err *err)
{
	struct scratch_tree *tree = &s->trees->items[s->trees->count];
	AUTO_FD int dir = -1;
	char number[16];
	struct stat st;
	int r;

	if (s->trees->count == SCRATCH_TREES_MAX)
		return err_set(err, E2BIG, "more than %d directory trees to cover",
			       SCRATCH_TREES_MAX);
	snprintf(number, sizeof number, "%zu", s->trees->count);
	r = make_dir(s->fd, number, &dir);
	if (r == 0)
		r = make_dir(dir, "upper", upper);
	if (r == 0)
		r = make_dir(dir, "work", work);
	if (r < 0)
		return err_sys(err, -r, "cannot make %s/%s", s->dir, number);
	r = mirror(live, *upper, &st, err);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	snprintf(tree->path, sizeof tree->path, "%s", path);
	tree->dev = st.st_dev;
	tree->ino = st.st_ino;
	s->trees->count++;
	return 0;
}

static int stop_at_once(void *ctx, int dir, const char *name, struct err *err)
{
	(void)ctx, (void)dir, (void)name, (void)err;
	return 1;
}

int scratch_upper(const struct scratch *s, size_t tree, int *out, struct err *err)
{
	AUTO_FD int fd = -1;
	char name[32];
	int r;

	if (!s->trees->items[tree].covered)
		return 0;
	snprintf(name, sizeof name, "%zu/upper", tree);
	fd = openat(s->fd, name, OPEN_DIR);
	if (fd < 0 && errno == EACCES && fchmodat(s->fd, name, 0700, 0) == 0)
		fd = openat(s->fd, name, OPEN_DIR);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s/%s", s->dir, name);
	r = file_each_name(fd, stop_at_once, NULL, err);
	if (r > 0) {
		*out = fd;
		fd = -1;
	}
	return r < 0 ? r : 0;
}
