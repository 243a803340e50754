/* A directory whose layout is that of the standard paths: TREE/usr/lib/libfoo.so.1 ... */
#include "store/check.h"
#include "store/import.h"
#include "store/manifest.h"

#include "base/path.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
	struct staging *s;
	char path[PATH_MAX]; /* of the directory being read, "" at the top */
	int depth;
};

static each_name_fn visit;

static int join(const struct walk *w, const char *name, char out[PATH_MAX], struct err *err)
{
	int n = snprintf(out, PATH_MAX, "%s%s%s", w->path, w->path[0] ? "/" : "", name);

	if (n < 0 || n >= PATH_MAX)
		return err_set(err, EPERM, "a path in it is longer than 4095 bytes");
	return 0;
}

static int add_dir(struct walk *w, int fd, const char *path, struct err *err)
{
	struct walk below = {.s = w->s, .depth = w->depth + 1};
	char buf[SHOWN];
	int r = staging_dir(w->s, path, err);

	if (r < 0)
		return r;
	if (below.depth > IMPORT_MAX_DEPTH)
		return err_set(err, EFBIG, "%s is deeper than %d directories", shown(path, buf),
			       IMPORT_MAX_DEPTH);
	r = xattrs_allowed(fd, err);
	if (r < 0)
		return err_wrap(err, r, "%s", shown(path, buf));
	snprintf(below.path, sizeof below.path, "%s", path);
	return each_name(fd, visit, &below, err);
}

static int add_link(struct walk *w, int dir, const char *name, const char *path, struct err *err)
{
	char target[PATH_MAX + 1], buf[SHOWN];
	ssize_t n = readlinkat(dir, name, target, sizeof target - 1);

	if (n < 0)
		return err_sys(err, errno, "cannot read the link %s", shown(path, buf));
	target[n] = '\0';
	return staging_link(w->s, path, target, err);
}

static int refuse_special(const struct stat *st, const char *path, struct err *err)
{
	const char *what = S_ISCHR(st->st_mode) && st->st_rdev == 0 ? "a whiteout"
			   : S_ISFIFO(st->st_mode)		    ? "a FIFO"
			   : S_ISSOCK(st->st_mode)		    ? "a socket"
								    : "a device";
	char buf[SHOWN];

	return err_set(err, EPERM, "%s is %s", shown(path, buf), what);
}

static int visit(void *ctx, int dir, const char *name, struct err *err)
{
	struct walk *w = ctx;
	char path[PATH_MAX], buf[SHOWN];
	struct stat st;
	AUTO_FD int fd = -1;
	int r = join(w, name, path, err);

	if (r < 0)
		return r;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot stat %s", shown(path, buf));
	if (S_ISLNK(st.st_mode))
		return add_link(w, dir, name, path, err);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return refuse_special(&st, path, err);
	/* It may have been exchanged since: what is read is what is looked at. */
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot open %s", shown(path, buf));
	r = file_is_everybodys(&st, path, err);
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode))
		return add_dir(w, fd, path, err);
	return staging_file_fd(w->s, path, fd, err);
}

/* "libfoo" and "1.2" of "libfoo-1.2" or "libfoo_1.2". */
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
			       "the directory is not called NAME-VERSION: say --name and "
			       "--version");
	if (!s->options->name)
		r = staging_label(s->name, sizeof s->name, "name", name, err);
	if (r == 0 && !s->options->version)
		r = staging_label(s->version, sizeof s->version, "version", version, err);
	return r;
}

int source_tree(struct staging *s, int fd, const char *path, struct err *err)
{
	struct walk top = {.s = s};
	int r = name_tree(s, err);

	if (r == 0)
		r = xattrs_allowed(fd, err);
	if (r == 0)
		r = each_name(fd, visit, &top, err);
	if (r == 0)
		r = staging_arch(s, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
