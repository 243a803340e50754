#include "ephemeral/bring.h"

#include "base/file.h"
#include "base/kernel.h"
#include "base/path.h"
#include "ephemeral/attributes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <time.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define SAME_TREE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

/* -- the check -- */

/* Whether the file changed since then. A file system that keeps whole seconds cuts the time off. */
static bool is_since(const struct timespec *changed, const struct timespec *began)
{
	if (changed->tv_sec != began->tv_sec)
		return changed->tv_sec > began->tv_sec;
	return changed->tv_nsec == 0 || changed->tv_nsec >= began->tv_nsec;
}

/* Both clocks go on by the same time unless somebody sets one; adjtimex(2) changes their pace by a thousandth at most. */
static bool clock_was_set_back(const struct scratch *s)
{
	struct timespec now, lived;
	double wall, life;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &lived);
	wall = difftime(now.tv_sec, s->began.tv_sec);
	life = difftime(lived.tv_sec, s->lived.tv_sec);
	return wall < life - 2 - life / 1000;
}

static const char *reason(const struct scratch *s, const struct file_change *c)
{
	/* The program may have renamed or linked a live file to this name. If it did not, and the copied file had this
	 * name, somebody removed the file, which shows in the directory. */
	if (!c->had)
		return c->copied && is_since(&c->dir_changed, &s->began)
			       ? "may have been removed since the start"
			       : NULL;
	if (is_since(&c->before.st_ctim, &s->began))
		return c->kind == CHANGE_ADDED ? "was made since the start"
					       : "has changed since the start";
	if (c->kind != CHANGE_REMOVED &&
	    (c->before.st_mode & S_IFMT) != (c->after.st_mode & S_IFMT))
		return "would become a file of another type";
	return NULL;
}

int bring_check(const struct brought *b, struct strings *refused, struct err *err)
{
	int r = 0;

	if (clock_was_set_back(b->scratch))
		return err_set(err, ESTALE, "the clock was set back during the run");
	for (size_t i = 0; r == 0 && i < b->changes->count; i++) {
		const char *why = reason(b->scratch, &b->changes->items[i]);
		char path[PATH_MAX];

		if (!why)
			continue;
		r = diff_path(b->scratch, &b->changes->items[i], path, err);
		if (r == 0)
			r = strings_addf(refused, err, "%s %s", path, why);
	}
	return r;
}

/* -- copies -- */

/* Opens the directory of path, which is below root. */
static int open_parent(int root, const char *path, struct err *err)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	fd = sys_openat2(root, parent, OPEN_DIR, SAME_TREE);
	return fd < 0 ? err_sys(err, errno, "cannot open the directory of %s", path) : fd;
}

static int copy_bytes(int from, int to, struct err *err)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, 1 << 30)) > 0)
		;
	return n < 0 ? err_sys(err, errno, "cannot write") : 0;
}

/* Copies a regular file to a new name and syncs it. */
static int copy_regular(int from, const char *name, int to, const char *copy, const struct stat *st,
			struct err *err)
{
	AUTO_FD int in = openat(from, name, OPEN_FILE);
	AUTO_FD int out =
		in < 0 ? -1
		       : openat(to, copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				0600);
	int r;

	if (in < 0 || out < 0)
		return err_sys(err, errno, in < 0 ? "cannot open %s" : "cannot make %s",
			       in < 0 ? name : copy);
	r = copy_bytes(in, out, err);
	if (r == 0)
		r = attributes_copy(in, st, out, err);
	if (r == 0 && fsync(out) < 0)
		r = err_sys(err, errno, "cannot write to the disk");
	return r;
}

/* Copies anything but a directory or a socket to a new name. */
static int copy_entry(int from, const char *name, int to, const char *copy, const struct stat *st,
		      struct err *err)
{
	const struct timespec times[] = {st->st_atim, st->st_mtim};
	char target[PATH_MAX];
	ssize_t n;

	if (S_ISREG(st->st_mode))
		return copy_regular(from, name, to, copy, st, err);
	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(from, name, target, sizeof target - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (n < 0 || symlinkat(target, to, copy) < 0)
			return err_sys(err, errno, "cannot make a link");
	} else if (mknodat(to, copy, st->st_mode & (S_IFMT | 07777), st->st_rdev) < 0) {
		return err_sys(err, errno, "cannot make a special file");
	}
	if (fchownat(to, copy, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(to, copy, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot set the owner or the times");
	return 0;
}

static int copy_dir_attributes(int from_root, int to_root, const struct file_change *c,
			       struct err *err)
{
	AUTO_FD int from = sys_openat2(from_root, c->path, OPEN_DIR, SAME_TREE);
	AUTO_FD int to = sys_openat2(to_root, c->path, OPEN_DIR, SAME_TREE);

	if (from < 0 || to < 0)
		return err_sys(err, errno, "cannot open a directory");
	return attributes_copy(from, &c->after, to, err);
}

static bool is_dir(const struct file_change *c)
{
	return S_ISDIR((c->kind == CHANGE_REMOVED ? &c->before : &c->after)->st_mode);
}

static bool is_socket(const struct file_change *c)
{
	return c->kind != CHANGE_REMOVED && S_ISSOCK(c->after.st_mode);
}

/* -- over to the live system -- */

static bool is_unchanged(int dir, const char *name, const struct file_change *c)
{
	const struct stat *was = &c->before;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && !c->had;
	return c->had && st.st_dev == was->st_dev && st.st_ino == was->st_ino &&
	       st.st_size == was->st_size && st.st_ctim.tv_sec == was->st_ctim.tv_sec &&
	       st.st_ctim.tv_nsec == was->st_ctim.tv_nsec;
}

static int changed_now(struct err *err)
{
	return err_set(err, ESTALE, "somebody has just changed it");
}

static int replace_file(int from, const char *name, int to, const struct file_change *c,
			struct err *err)
{
	char temp[64];
	int r = file_temp_name(".pinlib-", temp, sizeof temp, err);

	if (r < 0)
		return r;
	r = copy_entry(from, name, to, temp, &c->after, err);
	if (r == 0 && !is_unchanged(to, name, c))
		r = changed_now(err);
	if (r == 0 && renameat2(to, temp, to, name, c->had ? 0 : RENAME_NOREPLACE) < 0)
		r = errno == EEXIST ? changed_now(err) : err_sys(err, errno, "cannot rename");
	if (r < 0)
		unlinkat(to, temp, 0);
	else if (fsync(to) < 0)
		r = err_sys(err, errno, "cannot write to the disk");
	return r;
}

static int bring_file(const struct brought *b, int live, const struct file_change *c,
		      struct err *err)
{
	AUTO_FD int from = open_parent(b->uppers[c->tree], c->path, err);
	AUTO_FD int to = from < 0 ? from : open_parent(live, c->path, err);
	const char *name = path_base(c->path);

	if (to < 0)
		return to;
	if (!is_dir(c))
		return is_socket(c) ? 0 : replace_file(from, name, to, c, err);
	/* It may have become writable for the files that come next. */
	if (c->had)
		return c->after.st_mode & S_IWUSR
			       ? copy_dir_attributes(b->uppers[c->tree], live, c, err)
			       : 0;
	/* The mode comes when the files are there. */
	return mkdirat(to, name, 0700) < 0 ? err_sys(err, errno, "cannot make the directory") : 0;
}

static int bring_removal(int live, const struct file_change *c, struct err *err)
{
	AUTO_FD int dir = open_parent(live, c->path, err);
	const char *name = path_base(c->path);

	if (dir < 0)
		return dir;
	/* Its ctime has changed with the files that were removed from it; rmdir(2) refuses if there are others. */
	if (!is_dir(c) && !is_unchanged(dir, name, c))
		return changed_now(err);
	if (unlinkat(dir, name, is_dir(c) ? AT_REMOVEDIR : 0) < 0)
		return err_sys(err, errno, "cannot remove it");
	return fsync(dir) < 0 ? err_sys(err, errno, "cannot write to the disk") : 0;
}

enum bring_step { BRING_FILES, BRING_MODES, BRING_REMOVALS, BRING_STEPS };

static int bring_one(const struct brought *b, enum bring_step step, const struct file_change *c,
		     struct err *err)
{
	AUTO_FD int live = diff_live(b->scratch, c->tree, err);

	if (live < 0)
		return live;
	if (step == BRING_REMOVALS)
		return bring_removal(live, c, err);
	return step == BRING_FILES ? bring_file(b, live, c, err)
				   : copy_dir_attributes(b->uppers[c->tree], live, c, err);
}

/* Each change is completed in one step. */
static enum bring_step step_of(const struct file_change *c)
{
	if (c->kind == CHANGE_REMOVED)
		return BRING_REMOVALS;
	return is_dir(c) ? BRING_MODES : BRING_FILES;
}

int bring_over(const struct brought *b, size_t *done, struct err *err)
{
	size_t n = b->changes->count;
	char path[PATH_MAX];

	*done = 0;
	for (enum bring_step step = BRING_FILES; step < BRING_STEPS; step++)
		for (size_t i = 0; i < n; i++) {
			/* A directory's mode and its removal come after those of the directories in it. */
			const struct file_change *c =
				&b->changes->items[step == BRING_FILES ? i : n - 1 - i];
			int r = 0;

			if (step == step_of(c) ||
			    (step == BRING_FILES && step_of(c) == BRING_MODES))
				r = bring_one(b, step, c, err);
			if (r < 0)
				return diff_path(b->scratch, c, path, &(struct err){0}) < 0
					       ? r
					       : err_wrap(err, r, "%s", path);
			*done += step == step_of(c);
		}
	return 0;
}

/* -- into a directory -- */

int bring_prepare(const char *dir, struct err *err)
{
	if (mkdir(dir, 0700) == 0)
		return 0;
	/* rmdir(2) succeeds for an empty directory only. */
	if (errno != EEXIST || (rmdir(dir) < 0 && errno != ENOTEMPTY))
		return err_sys(err, errno, "cannot make the directory %s", dir);
	if (mkdir(dir, 0700) < 0)
		return err_set(err, ENOTEMPTY, "%s is not empty", dir);
	return 0;
}

/* mkdir -p of the directory of path, below root. */
static int make_parents(int root, const char *path, struct err *err)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			return err_sys(err, errno, "cannot make the directory %s", part);
	}
	return 0;
}

static int keep_file(const struct brought *b, int files, const char *path,
		     const struct file_change *c, struct err *err)
{
	AUTO_FD int from = open_parent(b->uppers[c->tree], c->path, err);
	int r = from < 0 ? from : make_parents(files, path, err);

	if (r < 0 || is_socket(c))
		return r;
	if (!is_dir(c))
		return copy_entry(from, path_base(c->path), files, path, &c->after, err);
	if (mkdirat(files, path, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make the directory %s", path);
	return 0;
}

static int keep_mode(const struct brought *b, int files, const char *path,
		     const struct file_change *c, struct err *err)
{
	AUTO_FD int from = sys_openat2(b->uppers[c->tree], c->path, OPEN_DIR, SAME_TREE);
	AUTO_FD int to = sys_openat2(files, path, OPEN_DIR, SAME_TREE);

	if (from < 0 || to < 0)
		return err_sys(err, errno, "cannot open the directory %s", path);
	return attributes_copy(from, &c->after, to, err);
}

static void print_escaped(FILE *f, const char *path)
{
	for (; *path; path++)
		if (*path == '\n' || *path == '\\')
			fprintf(f, "\\%03o", (unsigned)*path);
		else
			putc(*path, f);
	putc('\n', f);
}

static int keep_removed(const struct brought *b, int dir, struct err *err)
{
	int fd = openat(dir, "removed", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	AUTO_FILE FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	char path[PATH_MAX];
	int r = 0;

	if (!f)
		return err_sys(err, errno, "cannot make the list of removed files");
	for (size_t i = 0; r == 0 && i < b->changes->count; i++)
		if (b->changes->items[i].kind == CHANGE_REMOVED) {
			r = diff_path(b->scratch, &b->changes->items[i], path, err);
			if (r == 0)
				print_escaped(f, path);
		}
	if (r == 0 && (fflush(f) != 0 || ferror(f)))
		r = err_sys(err, errno, "cannot write the list of removed files");
	return r;
}

int bring_keep(const struct brought *b, const char *dir, struct err *err)
{
	AUTO_FD int top = open(dir, OPEN_DIR | O_NOFOLLOW);
	AUTO_FD int files = -1;
	size_t n = b->changes->count;
	char path[PATH_MAX];
	int r = 0;

	if (top >= 0 && mkdirat(top, "files", 0755) == 0)
		files = openat(top, "files", OPEN_DIR | O_NOFOLLOW);
	if (files < 0)
		return err_sys(err, errno, "cannot keep the changes in %s", dir);
	for (size_t i = 0; r == 0 && i < 2 * n; i++) {
		const struct file_change *c = &b->changes->items[i < n ? i : 2 * n - 1 - i];

		if (c->kind == CHANGE_REMOVED || (i >= n && !is_dir(c)))
			continue;
		r = diff_path(b->scratch, c, path, err);
		if (r == 0)
			r = i < n ? keep_file(b, files, path + 1, c, err)
				  : keep_mode(b, files, path + 1, c, err);
	}
	if (r == 0)
		r = keep_removed(b, top, err);
	return r < 0 ? err_wrap(err, r, "cannot keep the changes in %s", dir) : 0;
}
