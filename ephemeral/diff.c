#include "ephemeral/diff.h"

#include "base/file.h"
#include "base/kernel.h"
#include "base/path.h"
#include "ephemeral/attributes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
/* File systems that were mounted on the live directories since the start do not belong to the tree. */
#define SAME_TREE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

void diff_free(struct diff *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->items[i].path);
	free(c->items);
	*c = (struct diff){0};
}

/* One directory of a tree. */
struct comparison {
	struct diff *out;
	size_t tree;
	const char *path; /* "" for the root */
	int upper, live;  /* -1: there is none */
	bool opaque;	  /* the live directory does not show through */
};

static int child_path(const struct comparison *c, const char *name, char *out, struct err *err)
{
	if ((size_t)snprintf(out, PATH_MAX, "%s%s%s", c->path, *c->path ? "/" : "", name) >=
	    PATH_MAX)
		return err_sys(err, ENAMETOOLONG, "%s", c->path);
	return 0;
}

/* before or after is NULL if there is no such file. */
static int note_change(const struct comparison *c, enum change_kind kind, const char *name,
		       const struct stat *before, const struct stat *after, bool copied,
		       struct err *err)
{
	struct diff *out = c->out;
	struct file_change *grown = realloc(out->items, (out->count + 1) * sizeof *grown);
	char path[PATH_MAX];
	struct stat dir;
	int r = child_path(c, name, path, err);

	if (grown)
		out->items = grown;
	if (!grown || r < 0)
		return r < 0 ? r : err_nomem(err);
	grown[out->count] = (struct file_change){.kind = kind,
						 .tree = c->tree,
						 .path = strdup(path),
						 .had = before != NULL,
						 .copied = copied};
	if (c->live >= 0 && fstat(c->live, &dir) == 0)
		grown[out->count].dir_changed = dir.st_mtim;
	if (before)
		grown[out->count].before = *before;
	if (after)
		grown[out->count].after = *after;
	return grown[out->count].path ? (out->count++, 0) : err_nomem(err);
}

/* -- the live side -- */

static bool live_stat(int live, const char *name, struct stat *st)
{
	AUTO_FD int fd =
		live < 0 ? -1 : sys_openat2(live, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, SAME_TREE);

	return fd >= 0 && fstat(fd, st) == 0;
}

static int note_removed(void *ctx, int dir, const char *name, struct err *err)
{
	const struct comparison *c = ctx;
	struct stat st;
	char path[PATH_MAX];
	int r;

	(void)dir;
	if (!live_stat(c->live, name, &st))
		return 0;
	r = note_change(c, CHANGE_REMOVED, name, &st, NULL, true, err);
	if (r < 0 || !S_ISDIR(st.st_mode))
		return r;
	AUTO_FD int below = sys_openat2(c->live, name, OPEN_DIR, SAME_TREE);
	struct comparison inner = {.out = c->out, .tree = c->tree, .path = path, .live = below};

	r = child_path(c, name, path, err);
	return r < 0 || below < 0 ? r : file_each_name(below, note_removed, &inner, err);
}

static int note_hidden(void *ctx, int dir, const char *name, struct err *err)
{
	const struct comparison *c = ctx;
	struct stat st;

	return fstatat(c->upper, name, &st, AT_SYMLINK_NOFOLLOW) == 0
		       ? 0
		       : note_removed(ctx, dir, name, err);
}

/* -- both sides -- */

static bool same_attributes(const struct stat *a, const struct stat *b)
{
	return (a->st_mode & 07777) == (b->st_mode & 07777) && a->st_uid == b->st_uid &&
	       a->st_gid == b->st_gid;
}

static bool same_link(const struct comparison *c, const char *name)
{
	char left[PATH_MAX], right[PATH_MAX];
	ssize_t n = readlinkat(c->upper, name, left, sizeof left);

	return n >= 0 && readlinkat(c->live, name, right, sizeof right) == n &&
	       memcmp(left, right, (size_t)n) == 0;
}

static bool has_origin(int dir, const char *name)
{
	AUTO_FD int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return fd >= 0 && getxattr(path, "user.overlay.origin", NULL, 0) >= 0;
}

/* The files are regular. A file whose bytes nobody can compare counts as changed. */
static int compare_files(const struct comparison *c, const char *name, const struct stat *before,
			 const struct stat *after, struct err *err)
{
	AUTO_FD int mine = openat(c->upper, name, OPEN_FILE);
	AUTO_FD int theirs = sys_openat2(c->live, name, OPEN_FILE, SAME_TREE);
	bool copied = has_origin(c->upper, name);

	if (mine < 0 || theirs < 0 || before->st_size != after->st_size ||
	    !content_equal(mine, theirs))
		return note_change(c, CHANGE_CHANGED, name, before, after, copied, err);
	if (!same_attributes(before, after) || !attributes_equal(mine, theirs) ||
	    before->st_mtim.tv_sec != after->st_mtim.tv_sec ||
	    before->st_mtim.tv_nsec != after->st_mtim.tv_nsec)
		return note_change(c, CHANGE_ATTRIBUTES, name, before, after, copied, err);
	return 0;
}

static int compare_entry(const struct comparison *c, const char *name, const struct stat *before,
			 const struct stat *after, struct err *err)
{
	if (!before)
		return note_change(c, CHANGE_ADDED, name, NULL, after, has_origin(c->upper, name),
				   err);
	if ((before->st_mode & S_IFMT) != (after->st_mode & S_IFMT))
		return note_change(c, CHANGE_CHANGED, name, before, after, true, err);
	if (S_ISREG(after->st_mode))
		return compare_files(c, name, before, after, err);
	if (S_ISLNK(after->st_mode) ? !same_link(c, name) : before->st_rdev != after->st_rdev)
		return note_change(c, CHANGE_CHANGED, name, before, after, true, err);
	return 0;
}

static int compare_names(struct comparison *c, struct err *err);

static int compare_dir(const struct comparison *c, const char *name, const struct stat *before,
		       const struct stat *after, struct err *err)
{
	char path[PATH_MAX];
	AUTO_FD int upper = openat(c->upper, name, OPEN_DIR);
	AUTO_FD int live = before && S_ISDIR(before->st_mode)
				   ? sys_openat2(c->live, name, OPEN_DIR, SAME_TREE)
				   : -1;
	struct comparison inner = {.out = c->out,
				   .tree = c->tree,
				   .path = path,
				   .upper = upper,
				   .live = live,
				   .opaque = c->opaque};
	int r = child_path(c, name, path, err);

	if (r == 0 && live < 0)
		r = compare_entry(c, name, before, after, err);
	else if (r == 0 && (!same_attributes(before, after) ||
			    (upper >= 0 && !attributes_equal(upper, live))))
		r = note_change(c, CHANGE_ATTRIBUTES, name, before, after, true, err);
	if (r == 0 && upper < 0)
		return err_sys(err, errno, "cannot read the changes in %s", path);
	return r < 0 ? r : compare_names(&inner, err);
}

static int compare_name(void *ctx, int dir, const char *name, struct err *err)
{
	const struct comparison *c = ctx;
	struct stat st, live;
	bool had = live_stat(c->live, name, &live);
	int r = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot stat %s/%s", c->path, name);
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
		return note_removed(ctx, dir, name, err);
	if (had && S_ISDIR(live.st_mode) && !S_ISDIR(st.st_mode))
		r = note_removed(ctx, dir, name, err); /* and the files in it */
	if (r < 0)
		return r;
	return S_ISDIR(st.st_mode) ? compare_dir(c, name, had ? &live : NULL, &st, err)
				   : compare_entry(c, name, had ? &live : NULL, &st, err);
}

static int compare_names(struct comparison *c, struct err *err)
{
	char opaque[2];
	int r;

	/* Directories in an opaque one are opaque, too. */
	c->opaque |= fgetxattr(c->upper, "user.overlay.opaque", opaque, sizeof opaque) == 1 &&
		     *opaque == 'y';
	r = file_each_name(c->upper, compare_name, c, err);
	if (r == 0 && c->opaque && c->live >= 0)
		r = file_each_name(c->live, note_hidden, c, err);
	return r;
}

static int by_tree_and_path(const void *a, const void *b)
{
	const struct file_change *x = a, *y = b;

	return x->tree != y->tree ? (x->tree > y->tree) - (x->tree < y->tree)
				  : strcmp(x->path, y->path);
}

int diff_compare(size_t tree, int upper, int live, struct diff *out, struct err *err)
{
	struct comparison root = {
		.out = out, .tree = tree, .path = "", .upper = upper, .live = live};
	int r = compare_names(&root, err);

	if (out->count)
		qsort(out->items, out->count, sizeof *out->items, by_tree_and_path);
	return r;
}

/* -- the trees -- */

int diff_live(const struct scratch *s, size_t tree, struct err *err)
{
	const struct scratch_tree *t = &s->trees->items[tree];
	AUTO_FD int fd =
		sys_openat2(AT_FDCWD, t->path, OPEN_DIR & ~O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	struct stat st;
	int done;

	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", t->path);
	if (fstat(fd, &st) < 0 || st.st_dev != t->dev || st.st_ino != t->ino)
		return err_set(err, ESTALE, "%s is another directory than at the start", t->path);
	done = fd;
	fd = -1;
	return done;
}

int diff_read(const struct scratch *s, const int *uppers, struct diff *out, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->trees->count; i++) {
		AUTO_FD int live = -1;

		if (uppers[i] < 0)
			continue;
		live = diff_live(s, i, err);
		r = live < 0 ? live : diff_compare(i, uppers[i], live, out, err);
	}
	return r;
}

int diff_path(const struct scratch *s, const struct file_change *change, char *out, struct err *err)
{
	return path_join(s->trees->items[change->tree].path, change->path, out, err);
}
