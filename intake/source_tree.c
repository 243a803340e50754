/* Sources that are a directory with the layout of the root: TREE/usr/lib/libfoo.so.1. */
#include "intake/source.h"
#include "store/text.h"

#include "base/file.h"
#include "base/fuse.h"
#include "base/mount.h"
#include "base/path.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

struct tree_walk {
	struct staging *s;
	char path[PATH_MAX]; /* of the directory being read, "" at the top */
	int depth;
	uint64_t known; /* the last mount that is not a user's FUSE mount */
};

static each_name_fn visit_member;

static int join_member(const struct tree_walk *w, const char *name, char out[PATH_MAX],
		       struct err *err)
{
	int n = snprintf(out, PATH_MAX, "%s%s%s", w->path, w->path[0] ? "/" : "", name);

	if (n < 0 || n >= PATH_MAX)
		return err_set(err, EPERM, "a path in it is longer than 4095 bytes");
	return 0;
}

static int add_dir(struct tree_walk *w, int fd, const char *path, time_t time, struct err *err)
{
	struct tree_walk below = {.s = w->s, .depth = w->depth + 1, .known = w->known};
	char buf[TEXT_SHOWN];
	int r = staging_dir(w->s, path, time, err);

	if (r < 0)
		return r;
	if (below.depth > INTAKE_MAX_DEPTH)
		return err_set(err, EFBIG, "%s is more than %d directories deep",
			       text_shown(path, buf), INTAKE_MAX_DEPTH);
	r = staging_check_xattrs(fd, err);
	if (r < 0)
		return err_wrap(err, r, "%s", text_shown(path, buf));
	snprintf(below.path, sizeof below.path, "%s", path);
	return file_each_name(fd, visit_member, &below, err);
}

static int add_link(struct tree_walk *w, int link, const char *path, struct err *err)
{
	char target[PATH_MAX + 1], buf[TEXT_SHOWN];
	ssize_t n = readlinkat(link, "", target, sizeof target - 1);

	if (n < 0)
		return err_sys(err, errno, "cannot read the link %s", text_shown(path, buf));
	target[n] = '\0';
	return staging_link(w->s, path, target, err);
}

static int refuse_special(const struct stat *st, const char *path, struct err *err)
{
	const char *what = S_ISCHR(st->st_mode) && st->st_rdev == 0 ? "a whiteout"
			   : S_ISFIFO(st->st_mode)		    ? "a FIFO"
			   : S_ISSOCK(st->st_mode)		    ? "a socket"
								    : "a device";
	char buf[TEXT_SHOWN];

	return err_set(err, EPERM, "%s is %s", text_shown(path, buf), what);
}

static int open_file(int at, const char *path, int *fd, struct err *err)
{
	char self[64], buf[TEXT_SHOWN];

	snprintf(self, sizeof self, "/proc/self/fd/%d", at);
	*fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return *fd < 0 ? err_sys(err, errno, "cannot open %s", text_shown(path, buf)) : 0;
}

/* Resolves the name once, so that the checks and the reading see the same file. */
static int visit_member(void *ctx, int dir, const char *name, struct err *err)
{
	struct tree_walk *w = ctx;
	char path[PATH_MAX], buf[TEXT_SHOWN];
	struct stat st;
	AUTO_FD int at = -1, fd = -1;
	int r = join_member(w, name, path, err);

	if (r < 0)
		return r;
	at = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0)
		return err_sys(err, errno, "cannot open %s", text_shown(path, buf));
	r = fuse_refuse_users(at, text_shown(path, buf), &w->known, err);
	if (r < 0)
		return r;
	if (fstat(at, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", text_shown(path, buf));
	if (S_ISLNK(st.st_mode))
		return add_link(w, at, path, err);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return refuse_special(&st, path, err);
	r = open_file(at, path, &fd, err);
	if (r == 0)
		r = staging_check_readable(&st, path, err);
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode))
		return add_dir(w, fd, path, st.st_mtim.tv_sec, err);
	return staging_file_fd(w->s, path, fd, err);
}

/* Splits "libfoo-1.2" or "libfoo_1.2" into "libfoo" and "1.2". */
static void split_name(const char *base, char name[256], char version[256])
{
	name[0] = version[0] = '\0';
	for (const char *p = base; *p; p++) {
		if (p > base && (*p == '-' || *p == '_') && isdigit((unsigned char)p[1])) {
			snprintf(name, 256, "%.*s", (int)(p - base), base);
			snprintf(version, 256, "%s", p + 1);
			return;
		}
	}
}

static int name_tree(struct staging *s, struct err *err)
{
	char name[256], version[256];
	int r = 0;

	split_name(path_base(s->source), name, version);
	if ((!s->options->name && !name[0]) || (!s->options->version && !version[0]))
		return err_set(err, EINVAL,
			       "the directory's name is not NAME-VERSION: give --name and "
			       "--version");
	if (!s->options->name)
		r = staging_label(s, "name", name, err);
	if (r == 0 && !s->options->version)
		r = staging_label(s, "version", version, err);
	return r;
}

int source_tree(struct staging *s, int fd, const char *path, struct err *err)
{
	struct tree_walk top = {.s = s, .known = MOUNT_ID_UNKNOWN};
	int r = name_tree(s, err);

	if (r == 0)
		r = staging_check_xattrs(fd, err);
	if (r == 0)
		r = file_each_name(fd, visit_member, &top, err);
	if (r == 0)
		r = staging_arch(s, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
