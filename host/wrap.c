#include "host/wrap.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "host/mounted.h"
#include "plan/read.h"

#include <fcntl.h>
#include <string.h>
#include <sys/capability.h>

#define SHEBANG "#!" PINLIB_WRAPPER " "
#define SHEBANG_MAX 255 /* what execve(2) reads of a script, BINPRM_BUF_SIZE less the NUL */
#define SCRIPT_MAX (64u << 20)
#define WRAPPER_MAX (1u << 20)

int wrap_real(const char *app, char real[PATH_MAX], struct err *err)
{
	char dir[PATH_MAX];
	int n;

	path_dir(app, dir);
	n = snprintf(real, PATH_MAX, "%s/%s/%s", strcmp(dir, "/") == 0 ? "" : dir, PINLIB_REAL_DIR,
		     path_base(app));
	if (n < 0 || n >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", app);
	return 0;
}

static bool is_link(const char *app)
{
	char target[PATH_MAX];
	ssize_t n = readlink(app, target, sizeof target - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return strcmp(target, PINLIB_WRAPPER) == 0;
}

static bool is_script_of_ours(const char *app)
{
	char line[sizeof SHEBANG];
	AUTO_FD int fd = open(app, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 && pread(fd, line, sizeof SHEBANG - 1, 0) == sizeof SHEBANG - 1 &&
	       memcmp(line, SHEBANG, sizeof SHEBANG - 1) == 0;
}

bool wrap_present(const char *app)
{
	return is_link(app) || is_script_of_ours(app);
}

/* Whether an original is there, in a directory of pinlib's. What else has such a name is somebody's,
 * and stays. */
static bool is_kept(const char *real)
{
	char dir[PATH_MAX];
	struct stat st;

	path_dir(real, dir);
	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && lstat(real, &st) == 0 &&
	       !S_ISDIR(st.st_mode);
}

/* Whether the original is all that is there: somebody took away what stood at the app's path. */
static bool is_bereft(const char *app, const char *real)
{
	struct stat st;

	return lstat(app, &st) < 0 && errno == ENOENT && is_kept(real);
}

bool wrap_traces(const char *app)
{
	char real[PATH_MAX];
	struct err ignored;

	return wrap_present(app) || (wrap_real(app, real, &ignored) == 0 && is_kept(real));
}

int wrap_program(const char *app, char program[PATH_MAX], struct err *err)
{
	int r = wrap_real(app, program, err);

	if (r < 0)
		return r;
	if (!wrap_present(app) && !is_bereft(app, program))
		snprintf(program, PATH_MAX, "%s", app);
	return 0;
}

static bool starts_a_script(const char *path)
{
	char two[2];
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 && pread(fd, two, 2, 0) == 2 && two[0] == '#' && two[1] == '!';
}

bool wrap_is_script(const char *app)
{
	char program[PATH_MAX];
	struct err ignored;

	return wrap_program(app, program, &ignored) == 0 && starts_a_script(program);
}

/* Whether executing the file gives a privilege: 0 or 1. */
static int is_privileged(const char *path, const struct stat *st, struct err *err)
{
	cap_t caps;

	if (st->st_mode & (S_ISUID | S_ISGID))
		return 1;
	caps = cap_get_file(path);
	if (caps) {
		cap_free(caps);
		return 1;
	}
	if (errno != ENODATA && errno != ENOTSUP)
		return err_sys(err, errno, "cannot read the capabilities of %s", path);
	return 0;
}

static int refuse_privileged(const char *app, const struct stat *st, struct err *err)
{
	int r = is_privileged(app, st, err);

	if (r > 0)
		return err_set(err, EPERM,
			       "%s is setuid or setgid or has file capabilities: it must not run "
			       "with libraries of another version, so it cannot be pinned",
			       app);
	return r;
}

static bool is_roots_alone(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* What wrapper/put leaves where it is interrupted. */
static bool is_of_an_installation(const char *name)
{
	const char *wrapper = strrchr(PINLIB_WRAPPER, '/') + 1;
	size_t len = strlen(wrapper);

	return strncmp(name, wrapper, len) == 0 &&
	       (strcmp(name + len, ".new") == 0 || strcmp(name + len, ".old") == 0);
}

/* Another name of the wrapper is the wrapper. */
static int check_beside(int dirfd, const char *name, const struct stat *wrapper, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int r = 0;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot stat %s", name);
	if (st.st_dev == wrapper->st_dev && st.st_ino == wrapper->st_ino)
		return 0;
	snprintf(path, sizeof path, "%s/%s", PINLIB_LIBDIR, name);
	if (S_ISREG(st.st_mode))
		r = is_privileged(path, &st, err);
	if (r > 0 && is_of_an_installation(name))
		return err_set(err, ESTALE,
			       "%s has a capability: an installation of pinlib left it when it was "
			       "interrupted; install pinlib again",
			       path);
	if (r > 0 || S_ISDIR(st.st_mode))
		return err_set(err, EPERM,
			       "%s must not be there: views exempt that directory from nosuid for "
			       "the sake of the wrapper, and would not keep this from its "
			       "privileges",
			       path);
	return r;
}

bool wrap_is_wrapper(const char *path)
{
	AUTO_FREE char *data = NULL;
	struct err ignored;
	size_t len;

	return file_read_at(AT_FDCWD, path, WRAPPER_MAX, &data, &len, &ignored) == 0 &&
	       memmem(data, len, PINLIB_WRAPPER_MARK, strlen(PINLIB_WRAPPER_MARK));
}

int wrap_wrapper_alone(struct err *err)
{
	AUTO_DIR DIR *dir = opendir(PINLIB_LIBDIR);
	struct stat own, wrapper;
	struct trusted known = {0};
	struct dirent *d;

	if (!dir || fstat(dirfd(dir), &own) < 0 || lstat(PINLIB_WRAPPER, &wrapper) < 0)
		return err_sys(err, errno, "%s: is pinlib installed?", PINLIB_WRAPPER);
	if (!is_roots_alone(&own) || !S_ISREG(wrapper.st_mode) || !is_roots_alone(&wrapper))
		return err_set(err, EPERM, "%s or its directory is not root's alone",
			       PINLIB_WRAPPER);
	if (!path_is_roots_dir(&known, PINLIB_LIBDIR, err))
		return err_wrap(err, -EPERM, "the wrapper's directory");
	if (!wrap_is_wrapper(PINLIB_WRAPPER))
		return err_set(
			err, EBADMSG,
			"%s is another program now: somebody wrote it, or mounted it, where a "
			"wrapped program's link leads to",
			PINLIB_WRAPPER);
	for (errno = 0; (d = readdir(dir)); errno = 0) {
		int r;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		r = check_beside(dirfd(dir), d->d_name, &wrapper, err);
		if (r < 0)
			return r;
	}
	return errno ? err_sys(err, errno, "cannot read %s", PINLIB_LIBDIR) : 0;
}

/* A program behind a link would start by app alone, and not by the path that it has. */
static int refuse_behind_link(const char *app, struct err *err)
{
	char place[PATH_MAX];
	int r = path_place(app, place, err);

	if (r < 0 || strcmp(place, app) == 0)
		return r;
	return err_set(err, ELOOP, "%s is behind a symbolic link: it is %s", app, place);
}

bool wrap_is_anothers(const char *app)
{
	char place[PATH_MAX], name[NAME_MAX + 1], plan[sizeof PINLIB_PLANS + sizeof name];
	struct err ignored;

	if (path_place(app, place, &ignored) < 0 || strcmp(place, app) == 0 ||
	    plan_file_name(place, name, &ignored) < 0)
		return false;
	snprintf(plan, sizeof plan, "%s/%s", PINLIB_PLANS, name);
	return access(plan, F_OK) == 0;
}

int wrap_fit(const char *app, struct err *err)
{
	char program[PATH_MAX], target[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r = wrap_program(app, program, err);

	if (r < 0)
		return r;
	if (strchr(app, '\n')) /* lists of programs, dpkg's and ours, have one a line */
		return err_set(err, EINVAL, "%s has a line break in its path", app);
	r = refuse_behind_link(app, err);
	if (r < 0)
		return r;
	if (lstat(program, &st) < 0)
		return err_sys(err, errno, "%s", program);
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "%s is a directory, not a program", app);
	if (S_ISLNK(st.st_mode)) {
		n = readlink(program, target, sizeof target - 1);
		target[n > 0 ? n : 0] = '\0';
		return err_set(err, ELOOP, "%s is a symbolic link, to %s", app, target);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", app);
	if (!(st.st_mode & 0111))
		return err_set(err, EACCES, "%s is not executable", app);
	if (wrap_is_wrapper(program))
		return err_set(err, EINVAL,
			       "%s is a copy of pinlib's wrapper, made of a wrapped program; the "
			       "program itself is in the directory " PINLIB_REAL_DIR " beside that",
			       app);
	return refuse_privileged(program, &st, err);
}

int wrap_allowed(const char *app, struct dpkg_says *says, struct err *err)
{
	struct trusted known = {0};
	char dir[PATH_MAX];
	int r = wrap_wrapper_alone(err);

	if (r == 0)
		r = wrap_fit(app, err);
	if (r < 0)
		return r;
	path_dir(app, dir);
	if (!path_is_roots_dir(&known, dir, err))
		return err_wrap(err, -EPERM, "%s cannot be pinned", app);
	/* It was asked before the wrapper came, and beside ours dpkg lets no other in; 9 ms a time. */
	return wrap_present(app) ? 0 : divert_allowed(says, app, err);
}

/* -- steps -- */

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return lstat(a, &sa) == 0 && lstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Behind a link of that name would be somebody's files, to be replaced by originals. */
static int originals_place(const char *dir, struct err *err)
{
	struct stat st;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot create directory %s", dir);
	if (lstat(dir, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(
			err, ENOTDIR,
			"%s is no directory, and originals are to be kept there: move it away",
			dir);
	if (chmod(dir, 0755) < 0)
		return err_sys(err, errno, "cannot set the mode of %s", dir);
	return 0;
}

/* Whatever has the name keeps it until the link can be made. */
static int link_over(const char *app, const char *real, struct err *err)
{
	char temp[PATH_MAX + 48], prefix[PATH_MAX + 16], dir[PATH_MAX];
	struct stat st;
	int r;

	if (lstat(real, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(
			err, EISDIR,
			"%s is a directory, and the original is to be kept there: move it away",
			real);
	path_dir(real, dir);
	snprintf(prefix, sizeof prefix, "%s/.new-", dir);
	r = file_temp_name(prefix, temp, sizeof temp, err);
	if (r < 0)
		return r;
	if (linkat(AT_FDCWD, app, AT_FDCWD, temp, 0) < 0)
		return err_sys(err, errno, "cannot link %s to %s", app, temp);
	if (rename(temp, real) < 0) {
		r = err_sys(err, errno, "cannot rename %s to %s", temp, real);
		unlink(temp);
	}
	return r;
}

/* The original gets its second name. If another file has it, a program was installed over our link
 * without dpkg, and what has the name is its predecessor. */
static int second_name(const char *app, const char *real, struct err *err)
{
	char dir[PATH_MAX];
	int r;

	path_dir(real, dir);
	r = originals_place(dir, err);
	if (r == 0 && !same_file(app, real))
		r = link_over(app, real, err);
	if (r < 0)
		return r;
	/* Both are on the disk before the first name goes, whoever made them. */
	r = file_sync_parent(AT_FDCWD, dir, err);
	return r < 0 ? r : file_sync_parent(AT_FDCWD, real, err);
}

int wrap_restore(const char *app, struct err *err)
{
	char real[PATH_MAX];
	int r = wrap_real(app, real, err);

	if (r < 0 || !is_bereft(app, real))
		return r;
	if (linkat(AT_FDCWD, real, AT_FDCWD, app, 0) < 0)
		return err_sys(err, errno, "cannot link %s to %s", real, app);
	return 0;
}

/* Where the wrapper stands dpkg is not asked: the diversion comes before the wrapper and goes after
 * it, and a package that brings the path, or its other name, replaces the wrapper. */
int wrap_prepare(const char *app, struct dpkg_says *says, struct err *err)
{
	char real[PATH_MAX];
	int r = wrap_real(app, real, err);

	if (r < 0 || wrap_present(app))
		return r;
	r = second_name(app, real, err);
	return r < 0 ? r : divert_begin(says, app, err);
}

/* The script's text with our first line in place of its own: line numbers stay, and perl still
 * finds "perl" and its switches there. */
static int script_text(const char *real, char **text, size_t *len, struct err *err)
{
	AUTO_FREE char *old = NULL;
	size_t size, rest;
	char *out;
	int r = file_read_at(AT_FDCWD, real, SCRIPT_MAX, &old, &size, err);

	if (r < 0)
		return r;
	if (strncmp(old, "#!", 2) != 0) /* its owner may write to it at any time */
		return err_set(err, ESTALE, "%s was a script, and is none", real);
	rest = 2 + strspn(old + 2, " \t");
	if (strcspn(old + rest, "\n") + sizeof SHEBANG > SHEBANG_MAX)
		return err_set(err, ENAMETOOLONG, "the first line of %s is too long", real);
	out = malloc(sizeof SHEBANG + size);
	if (!out)
		return err_nomem(err);
	memcpy(out, SHEBANG, sizeof SHEBANG - 1);
	memcpy(out + sizeof SHEBANG - 1, old + rest, size - rest);
	*text = out;
	*len = sizeof SHEBANG - 1 + size - rest;
	return 0;
}

/* A new file, with owner, mode and times of another. */
static int write_like(const char *path, const char *text, size_t len, const struct stat *st,
		      struct err *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot create %s", path);
	r = file_write(fd, text, len, err);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 0777) < 0 ||
	    futimens(fd, (struct timespec[]){st->st_atim, st->st_mtim}) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "cannot finish %s", path);
	return 0;
}

static int write_script(const char *temp, const char *real, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r = script_text(real, &text, &len, err);

	if (r < 0)
		return r;
	if (stat(real, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", real);
	return write_like(temp, text, len, &st, err);
}

enum likeness { OTHER_TEXT, OTHER_MODE, ALIKE };

/* How far the text at app, its mode and its owner are those that the original would be given. */
static int compare_text(const char *app, const char *real, struct err *err)
{
	AUTO_FREE char *want = NULL, *have = NULL;
	size_t want_len = 0, have_len = 0;
	struct stat a, b;
	int r = script_text(real, &want, &want_len, err);

	if (r == 0)
		r = file_read_at(AT_FDCWD, app, SCRIPT_MAX + sizeof SHEBANG, &have, &have_len, err);
	if (r < 0)
		return r;
	if (stat(real, &a) < 0 || lstat(app, &b) < 0)
		return err_sys(err, errno, "cannot stat %s or %s", real, app);
	if (want_len != have_len || memcmp(want, have, want_len) != 0)
		return OTHER_TEXT;
	return (a.st_mode & 0777) == (b.st_mode & 0777) && a.st_uid == b.st_uid &&
			       a.st_gid == b.st_gid
		       ? ALIKE
		       : OTHER_MODE;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* 1 if somebody wrote to the text that stands for a script, since it was made and since its
 * original was last replaced: then it is the text that counts. A maintainer script that gives it a
 * mode after the upgrade of the original has not written to it. */
static int is_edited(const char *app, const char *real, struct err *err)
{
	struct stat text, original;
	int like;

	if (!is_script_of_ours(app) || !starts_a_script(real))
		return 0;
	like = compare_text(app, real, err);
	if (like < 0 || like == ALIKE)
		return like < 0 ? like : 0;
	if (lstat(app, &text) < 0 || lstat(real, &original) < 0)
		return err_sys(err, errno, "cannot stat %s or %s", real, app);
	return is_later(&text.st_ctim, &original.st_ctim) &&
	       (like == OTHER_MODE || is_later(&text.st_mtim, &original.st_ctim));
}

/* The text at app, with the script's own first line again, becomes the original. */
static int adopt_text(const char *app, const char *real, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char temp[PATH_MAX + 48], prefix[PATH_MAX + 16], dir[PATH_MAX];
	static const size_t ours = sizeof SHEBANG - 1;
	struct stat st;
	size_t len = 0;
	int r = file_read_at(AT_FDCWD, app, SCRIPT_MAX + sizeof SHEBANG, &text, &len, err);

	if (r < 0)
		return r;
	if (strncmp(text, SHEBANG, ours) != 0)
		return err_set(err, ESTALE, "%s was edited, and is no script now", app);
	path_dir(real, dir);
	snprintf(prefix, sizeof prefix, "%s/.new-", dir);
	r = file_temp_name(prefix, temp, sizeof temp, err);
	if (r < 0)
		return r;
	if (lstat(app, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", app);
	memcpy(text + ours - 2, "#!", 2);
	r = write_like(temp, text + ours - 2, len - ours + 2, &st, err);
	if (r == 0 && rename(temp, real) < 0)
		r = err_sys(err, errno, "cannot rename %s to %s", temp, real);
	if (r < 0) {
		unlink(temp);
		return r;
	}
	return file_sync_parent(AT_FDCWD, real, err);
}

static int adopt_edited(const char *app, const char *real, struct err *err)
{
	int r = is_edited(app, real, err);

	return r > 0 ? adopt_text(app, real, err) : r;
}

int wrap_check(const char *app, struct err *err)
{
	char real[PATH_MAX];
	int like, r = wrap_real(app, real, err);

	if (r < 0)
		return r;
	if (!wrap_present(app))
		return err_set(err, ENOENT, "%s is no longer the wrapper", app);
	if (starts_a_script(real))
		like = is_link(app) ? OTHER_TEXT : compare_text(app, real, err);
	else
		like = is_link(app) ? ALIKE : OTHER_TEXT;
	if (like < 0)
		return like;
	if (like != ALIKE && is_edited(app, real, err) > 0)
		return err_set(err, ESTALE,
			       "%s was edited, and its original, %s, is to follow: any 'pinlib set "
			       "%s ...' does that",
			       app, real, app);
	if (like != ALIKE)
		return err_set(err, ESTALE,
			       "%s does not agree with its original, %s, which was replaced "
			       "since: any 'pinlib set %s ...' mends that",
			       app, real, app);
	return 0;
}

/* The temporary names of an interrupted wrap_install. */
static void sweep(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (fd >= 0 && !dir)
		close(fd);

	while (dir && (d = readdir(dir)))
		if (strncmp(d->d_name, ".new-", 5) == 0)
			unlinkat(dirfd(dir), d->d_name, 0);
}

int wrap_install(const char *app, struct err *err)
{
	char real[PATH_MAX], dir[PATH_MAX], prefix[PATH_MAX + 16], temp[PATH_MAX + 48];
	int r = wrap_real(app, real, err);

	if (r < 0)
		return r;
	path_dir(real, dir);
	sweep(dir);
	r = adopt_edited(app, real, err);
	if (r == 0)
		r = wrap_check(app, err);
	if (r == 0) /* done by a command that may have been killed before it was on the disk */
		return file_sync_parent(AT_FDCWD, app, err);
	if (r != -ENOENT && r != -ESTALE)
		return r;
	snprintf(prefix, sizeof prefix, "%s/.new-", dir);
	r = file_temp_name(prefix, temp, sizeof temp, err);
	if (r < 0)
		return r;
	if (starts_a_script(real))
		r = write_script(temp, real, err);
	else if (symlink(PINLIB_WRAPPER, temp) < 0)
		r = err_sys(err, errno, "cannot create %s", temp);
	if (r == 0 && rename(temp, app) < 0)
		r = err_sys(err, errno, "cannot rename %s to %s", temp, app);
	if (r < 0) {
		unlink(temp);
		return r;
	}
	return file_sync_parent(AT_FDCWD, app, err);
}

/* The original's directory, if it is empty. */
static int tidy(const char *real, struct err *err)
{
	char path[PATH_MAX];

	path_dir(real, path);
	sweep(path);
	if (rmdir(path) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT &&
	    errno != ENOTDIR && errno != EROFS) /* read-only: an empty one harms nobody */
		return err_sys(err, errno, "cannot remove the directory %s", path);
	return 0;
}

/* An undone wrap_prepare: two names of one file, of which rename(2) would keep both. Two files:
 * dpkg has brought a new one through the diversion, which is the one to keep; without a diversion a
 * program was installed over our link since. */
static int drop_second_name(const char *app, const char *real, struct dpkg_says *says,
			    struct err *err)
{
	int newer = same_file(app, real) ? 0 : divert_count(says, app, err);

	if (newer < 0)
		return newer;
	if (newer && rename(real, app) < 0)
		return err_sys(err, errno, "cannot rename %s to %s", real, app);
	if (!newer && unlink(real) < 0)
		return err_sys(err, errno, "cannot remove %s", real);
	return 0;
}

/* 1 if a script's original is gone, and no package took it away: dpkg, where we divert it, would not
 * have the path any more. */
static int is_text_all(const char *app, const char *real, struct dpkg_says *says, struct err *err)
{
	struct stat st;
	int diverted, owned = 0;

	if (!is_script_of_ours(app) || lstat(real, &st) == 0 ||
	    (errno != ENOENT && errno != ENOTDIR))
		return 0;
	diverted = divert_count(says, app, err);
	if (diverted > 0)
		owned = divert_owned(says, app, err);
	if (diverted < 0 || owned < 0)
		return diverted < 0 ? diverted : owned;
	return !diverted || owned;
}

/* The text that stands for a script is all of it but the first line's beginning. */
static int save_text(const char *app, const char *real, struct dpkg_says *says, struct err *err)
{
	char dir[PATH_MAX];
	int r = is_text_all(app, real, says, err);

	if (r <= 0)
		return r;
	path_dir(real, dir);
	r = originals_place(dir, err);
	return r < 0 ? r : adopt_text(app, real, err);
}

static int bring_back(const char *app, const char *real, struct err *err)
{
	if (rename(real, app) == 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, errno, "cannot rename %s to %s", real, app);
	/* Its package was removed: our link is all that is left. */
	return unlink(app) < 0 ? err_sys(err, errno, "cannot remove %s", app) : 0;
}

/* The directory may have gone with all that was in it. */
static int sync_place(const char *app, struct err *err)
{
	char dir[PATH_MAX];
	struct stat st;

	path_dir(app, dir);
	if (stat(dir, &st) < 0 ? errno == ENOENT || errno == ENOTDIR : !S_ISDIR(st.st_mode))
		return 0;
	return file_sync_parent(AT_FDCWD, app, err);
}

int wrap_remove(const char *app, struct dpkg_says *says, struct err *err)
{
	char real[PATH_MAX];
	int r = wrap_real(app, real, err);

	if (r < 0 || wrap_is_anothers(app))
		return r;
	/* What is mounted there may be the original itself: two names of one file, it would seem. */
	if (wrap_traces(app))
		r = mounted_refuse(app, err);
	if (r == 0)
		r = adopt_edited(app, real, err);
	if (r == 0)
		r = save_text(app, real, says, err);
	if (r < 0)
		return r;
	if (wrap_present(app) || is_bereft(app, real))
		r = bring_back(app, real, err);
	else if (is_kept(real))
		r = drop_second_name(app, real, says, err);
	if (r == 0)
		r = sync_place(app, err);
	if (r == 0)
		r = divert_end(says, app, err);
	return r < 0 ? r : tidy(real, err);
}
