#include "store/object.h"

#include "base/file.h"
#include "base/progress.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void object_path(const struct digest *digest, char path[OBJECT_PATH])
{
	char hex[DIGEST_HEX];

	digest_hex(digest, hex);
	memcpy(path, hex, 2);
	path[2] = '/';
	memcpy(path + 3, hex + 2, DIGEST_HEX - 2);
}

int object_open(const struct store *store, const struct digest *digest, struct err *err)
{
	char path[OBJECT_PATH];
	struct stat st;
	AUTO_FD int fd = -1;
	int out;

	object_path(digest, path);
	fd = openat(store->objects, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the object %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat the object %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "the object %s is not a regular file", path);
	out = fd;
	fd = -1;
	return out;
}

int object_begin(const struct store *store, int dir, struct object_writer *w, struct err *err)
{
	int r;

	*w = OBJECT_WRITER_NONE;
	r = file_temp_name("new-", w->name, sizeof w->name, err);
	if (r < 0)
		return r;
	w->fd = openat(dir, w->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return err_sys(err, errno, "cannot create a file in %s/tmp", store->root);
	w->store = store;
	w->dir = dir;
	w->digest = digest_begin();
	if (!w->digest) {
		object_abandon(w);
		return err_nomem(err);
	}
	return 0;
}

int object_write(struct object_writer *w, const void *data, size_t len, struct err *err)
{
	int r = digest_update(w->digest, data, len, err);

	if (r == 0)
		r = file_write(w->fd, data, len, err);
	if (r < 0)
		return err_wrap(err, r, "%s/tmp", w->store->root);
	w->size += len;
	progress_step(len);
	return 0;
}

static int set_owner_and_time(const struct object_writer *w, int64_t time, struct err *err)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time}};

	if (geteuid() == 0 && fchown(w->fd, 0, 0) < 0)
		return err_sys(err, errno, "cannot give a file in %s/tmp to root", w->store->root);
	if (fchmod(w->fd, 0644) < 0)
		return err_sys(err, errno, "cannot set the mode of a file in %s/tmp",
			       w->store->root);
	if (futimens(w->fd, times) < 0)
		return err_sys(err, errno, "cannot set the time of a file in %s/tmp",
			       w->store->root);
	return 0;
}

static int finish(struct object_writer *w, int64_t time, struct digest *out, int *fd,
		  struct err *err)
{
	char hex[DIGEST_HEX];
	int r = digest_end(&w->digest, out, err);

	if (r == 0)
		r = set_owner_and_time(w, time, err);
	if (r < 0)
		return r;
	digest_hex(out, hex);
	if (renameat(w->dir, w->name, w->dir, hex) < 0)
		return err_sys(err, errno, "cannot rename a file in %s/tmp", w->store->root);
	w->name[0] = '\0';
	*fd = openat(w->dir, hex, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return err_sys(err, errno, "cannot open the new file in %s/tmp", w->store->root);
	return 0;
}

int object_end(struct object_writer *w, int64_t time, struct digest *out, int *fd, struct err *err)
{
	int r = finish(w, time, out, fd, err);

	object_abandon(w);
	return r;
}

void object_abandon(struct object_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->dir >= 0 && w->name[0])
		unlinkat(w->dir, w->name, 0);
	digest_abandon(&w->digest);
	*w = OBJECT_WRITER_NONE;
}

/* 1: the object is as it was published; 0: it is missing or damaged. */
static int is_whole(const struct store *store, const struct digest *digest, struct err *err)
{
	AUTO_FD int fd = object_open(store, digest, err);
	struct digest found;
	struct stat st;
	int r;

	if (fd == -ENOENT || fd == -EBADMSG || fd == -ELOOP)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat an object");
	if ((st.st_mode & 07777) != 0644 || st.st_uid != geteuid())
		return 0;
	r = digest_fd(fd, &found, err);
	return r < 0 ? r : digest_equal(digest, &found);
}

static int make_prefix(const struct store *store, const char *path, struct err *err)
{
	char prefix[3] = {path[0], path[1], '\0'};
	AUTO_FD int fd = -1;

	if (mkdirat(store->objects, prefix, 0755) < 0)
		return errno == EEXIST ? 0
				       : err_sys(err, errno, "cannot create %s/objects/%s",
						 store->root, prefix);
	fd = openat(store->objects, prefix, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0) /* the umask */
		return err_sys(err, errno, "cannot set the mode of %s/objects/%s", store->root,
			       prefix);
	return 0;
}

int object_publish(const struct store *store, int dir, const struct digest *digest, struct err *err)
{
	char path[OBJECT_PATH], hex[DIGEST_HEX];
	int r;

	digest_hex(digest, hex);
	object_path(digest, path);
	r = make_prefix(store, path, err);
	if (r < 0)
		return r;
	if (renameat2(dir, hex, store->objects, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST && errno != ENOENT)
		return err_sys(err, errno, "cannot publish %s/objects/%s", store->root, path);
	r = is_whole(store, digest, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (renameat(dir, hex, store->objects, path) < 0)
		return err_sys(err, errno, "cannot publish %s/objects/%s", store->root, path);
	return 0;
}

int object_sync(const struct store *store, const bool touched[256], struct err *err)
{
	for (unsigned int i = 0; i < 256; i++) {
		char prefix[3];
		AUTO_FD int fd = -1;

		if (!touched[i])
			continue;
		snprintf(prefix, sizeof prefix, "%02x", i & 0xff);
		fd = openat(store->objects, prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(err, errno, "cannot sync %s/objects/%s", store->root,
				       prefix);
	}
	if (fsync(store->objects) < 0)
		return err_sys(err, errno, "cannot sync %s/objects", store->root);
	return 0;
}
