#include "host/stub.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"
#include "host/original.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHEBANG "#!" PINLIB_WRAPPER " "
#define SHEBANG_MAX 255 /* what execve(2) reads of a script, BINPRM_BUF_SIZE less the NUL */
#define SCRIPT_MAX (64u << 20)

bool stub_is_script(const char *path)
{
	char two[2];
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 && pread(fd, two, 2, 0) == 2 && two[0] == '#' && two[1] == '!';
}

bool stub_is_present(const char *app)
{
	char line[sizeof SHEBANG];
	AUTO_FD int fd = open(app, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 && pread(fd, line, sizeof SHEBANG - 1, 0) == sizeof SHEBANG - 1 &&
	       memcmp(line, SHEBANG, sizeof SHEBANG - 1) == 0;
}

static int stub_text(const char *real, char **text, size_t *len, struct err *err)
{
	AUTO_FREE char *old = NULL;
	size_t size, rest;
	char *out;
	int r = file_read_at(AT_FDCWD, real, SCRIPT_MAX, &old, &size, err);

	if (r < 0)
		return r;
	if (strncmp(old, "#!", 2) != 0) /* its owner can write to it at any time */
		return err_set(err, ESTALE, "%s is no longer a script", real);
	rest = 2 + strspn(old + 2, " \t");
	if (strcspn(old + rest, "\n") + sizeof SHEBANG > SHEBANG_MAX)
		return err_set(err, ENAMETOOLONG,
			       "the first line of %s is too long to name the wrapper in it", real);
	out = malloc(sizeof SHEBANG + size);
	if (!out)
		return err_nomem(err);
	memcpy(out, SHEBANG, sizeof SHEBANG - 1);
	memcpy(out + sizeof SHEBANG - 1, old + rest, size - rest);
	*text = out;
	*len = sizeof SHEBANG - 1 + size - rest;
	return 0;
}

/* A new file, with the owner, mode and times of another. */
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

int stub_write(const char *path, const char *real, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r = stub_text(real, &text, &len, err);

	if (r < 0)
		return r;
	if (stat(real, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", real);
	return write_like(path, text, len, &st, err);
}

int stub_compare(const char *app, const char *real, struct err *err)
{
	AUTO_FREE char *want = NULL, *have = NULL;
	size_t want_len = 0, have_len = 0;
	struct stat a, b;
	int r = stub_text(real, &want, &want_len, err);

	if (r == 0)
		r = file_read_at(AT_FDCWD, app, SCRIPT_MAX + sizeof SHEBANG, &have, &have_len, err);
	if (r < 0)
		return r;
	if (stat(real, &a) < 0 || lstat(app, &b) < 0)
		return err_sys(err, errno, "cannot stat %s or %s", real, app);
	if (want_len != have_len || memcmp(want, have, want_len) != 0)
		return STUB_OTHER_TEXT;
	return (a.st_mode & 0777) == (b.st_mode & 0777) && a.st_uid == b.st_uid &&
			       a.st_gid == b.st_gid
		       ? STUB_ALIKE
		       : STUB_OTHER_MODE;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

int stub_is_edited(const char *app, const char *real, struct err *err)
{
	struct stat text, original;
	int like;

	if (!stub_is_present(app) || !stub_is_script(real))
		return 0;
	like = stub_compare(app, real, err);
	if (like < 0 || like == STUB_ALIKE)
		return like < 0 ? like : 0;
	if (lstat(app, &text) < 0 || lstat(real, &original) < 0)
		return err_sys(err, errno, "cannot stat %s or %s", real, app);
	return is_later(&text.st_ctim, &original.st_ctim) &&
	       (like == STUB_OTHER_MODE || is_later(&text.st_mtim, &original.st_ctim));
}

int stub_adopt(const char *app, const char *real, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char temp[ORIGINAL_TEMP_MAX];
	static const size_t ours = sizeof SHEBANG - 1;
	struct stat st;
	size_t len = 0;
	int r = file_read_at(AT_FDCWD, app, SCRIPT_MAX + sizeof SHEBANG, &text, &len, err);

	if (r < 0)
		return r;
	if (strncmp(text, SHEBANG, ours) != 0)
		return err_set(err, ESTALE, "%s was edited and is no longer a script", app);
	r = original_temp_name(real, temp, err);
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
