#include "base/file.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

/* The read loop: through EINTR and short reads, until buf is full or the file ends. at < 0: from the descriptor's own
 * position, which a pipe has, too. */
static ssize_t read_full(int fd, char *buf, size_t size, off_t at, struct err *err)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = at < 0 ? read(fd, buf + used, size - used)
				   : pread(fd, buf + used, size - used, at + (off_t)used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read");
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

ssize_t file_read_part(int fd, void *buf, size_t size, off_t at, struct err *err)
{
	return read_full(fd, buf, size, at, err);
}

int file_read(int fd, size_t max, char **data, size_t *len, struct err *err)
{
	AUTO_FREE char *buf = NULL;
	size_t size = 8192, used = 0;

	for (;; size *= 2) {
		char *grown = realloc(buf, size);
		ssize_t n;

		if (!grown)
			return err_nomem(err);
		buf = grown;
		n = read_full(fd, buf + used, size - used - 1, -1, err);
		if (n < 0)
			return (int)n;
		used += (size_t)n;
		if (used > max)
			return err_set(err, EFBIG, "larger than %zu bytes", max);
		if (used < size - 1)
			break;
	}
	buf[used] = '\0';
	*data = buf;
	*len = used;
	buf = NULL;
	return 0;
}

int file_read_at(int dirfd, const char *path, size_t max, char **data, size_t *len, struct err *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", path);
	r = file_read(fd, max, data, len, err);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	return 0;
}

static int is_conf(const struct dirent *e)
{
	return e->d_name[0] != '.' && fnmatch("*.conf", e->d_name, 0) == 0;
}

int file_list_conf(const char *dir, struct strings *paths, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot read %s", dir);
	for (errno = 0; r == 0 && (e = readdir(d)); errno = 0)
		if (is_conf(e))
			r = strings_addf(paths, err, "%s/%s", dir, e->d_name);
	if (r == 0 && errno)
		r = err_sys(err, errno, "cannot read %s", dir);
	strings_sort(paths);
	return r;
}

FILE *file_stream_at(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (!f)
		cleanup_fd(&fd);
	return f;
}

int file_write(int fd, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_temp_name(const char *prefix, char *buf, size_t size, struct err *err)
{
	uint64_t random;
	int n;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_sys(err, errno, "cannot get random bytes");
	n = snprintf(buf, size, "%s%016llx", prefix, (unsigned long long)random);
	if (n < 0 || (size_t)n >= size)
		return err_set(err, ENAMETOOLONG, "%s: the name is too long", prefix);
	return 0;
}

/* The directory part of a relative or absolute path, "." if there is none. */
static void parent_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(out, size, ".");
	else if (slash == path)
		snprintf(out, size, "/");
	else
		snprintf(out, size, "%.*s", (int)(slash - path), path);
}

int file_sync_parent(int dirfd, const char *path, struct err *err)
{
	char dir[PATH_MAX];
	AUTO_FD int fd = -1;

	parent_of(path, dir, sizeof dir);
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "cannot sync the directory of %s", path);
	return 0;
}

int file_create(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot create %s", name);
	r = file_write(fd, data, len, err);
	if (r < 0)
		return err_wrap(err, r, "%s", name);
	return fchmod(fd, mode) < 0 ? err_sys(err, errno, "cannot set the mode of %s", name) : 0;
}

/* Errors name path: nobody knows the temporary name. */
static int write_temp(int dirfd, const char *temp, const char *path, const void *data, size_t len,
		      mode_t mode, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot create %s", path);
	r = file_write(fd, data, len, err);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	/* fchmod(2): the umask does not apply. */
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "cannot finish %s", path);
	return 0;
}

int file_publish(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		 struct err *err)
{
	char dir[PATH_MAX], prefix[PATH_MAX + 8], temp[PATH_MAX + 32];
	int r;

	parent_of(path, dir, sizeof dir);
	snprintf(prefix, sizeof prefix, "%s/" FILE_TEMP, dir);
	r = file_temp_name(prefix, temp, sizeof temp, err);
	if (r < 0)
		return r;
	r = write_temp(dirfd, temp, path, data, len, mode, err);
	if (r == 0 && renameat(dirfd, temp, dirfd, path) < 0)
		r = err_sys(err, errno, "cannot replace %s", path);
	if (r < 0) {
		unlinkat(dirfd, temp, 0);
		return r;
	}
	return file_sync_parent(dirfd, path, err);
}

/* The exact names that file_temp_name builds from FILE_TEMP, so that no other file is removed. */
static bool is_temporary(const char *name)
{
	const char *digits = name + strlen(FILE_TEMP);

	return strncmp(name, FILE_TEMP, strlen(FILE_TEMP)) == 0 && strlen(digits) == 16 &&
	       strspn(digits, "0123456789abcdef") == 16;
}

int file_sweep(const char *path, struct err *err)
{
	AUTO_DIR DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot read %s", path);
	for (errno = 0; (d = readdir(dir)); errno = 0)
		if (is_temporary(d->d_name) && unlinkat(dirfd(dir), d->d_name, 0) < 0)
			return err_sys(err, errno, "cannot remove %s/%s", path, d->d_name);
	return errno ? err_sys(err, errno, "cannot read %s", path) : 0;
}

int file_mkdirs(const char *path, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof part)
		return err_set(err, ENAMETOOLONG, "%s: the path is empty or too long", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		snprintf(part, sizeof part, "%.*s", (int)i, path);
		if (mkdir(part, 0755) < 0) {
			if (errno == EEXIST)
				continue;
			return err_sys(err, errno, "cannot create directory %s", part);
		}
		if (chmod(part, 0755) < 0)
			return err_sys(err, errno, "cannot set the mode of %s", part);
		if (file_sync_parent(AT_FDCWD, part, err) < 0)
			return -EIO;
	}
	return 0;
}

int file_each_name(int dir, each_name_fn *each, void *ctx, struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	AUTO_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = err_sys(err, errno, "cannot read a directory");
		cleanup_fd(&fd);
		return r;
	}
	while (errno = 0, r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = each(ctx, fd, e->d_name, err);
	return r == 0 && errno ? err_sys(err, errno, "cannot read a directory") : r;
}

static int remove_child(void *ctx, int dir, const char *name, struct err *err)
{
	(void)ctx;
	return file_remove_tree(dir, name, err);
}

int file_remove_tree(int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = -1;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, errno, "cannot remove %s", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open directory %s", name);
	if (fchmod(fd, 0700) < 0)
		return err_sys(err, errno, "cannot set the mode of %s", name);
	r = file_each_name(fd, remove_child, NULL, err);
	if (r < 0)
		return r;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove directory %s", name);
	return 0;
}
