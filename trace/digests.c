#include "trace/digests.h"

#include "base/cleanup.h"
#include "base/fuse.h"
#include "base/mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

void digests_free(struct digest_cache *d)
{
	free(d->table);
	*d = (struct digest_cache){0};
}

static struct file_digest *slot_of(const struct digest_cache *d, dev_t dev, ino_t ino)
{
	size_t at = (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) ^ dev);

	for (;; at++) {
		struct file_digest *slot = &d->table[at & (d->room - 1)];

		if (slot->ino == 0 || (slot->ino == ino && slot->dev == dev))
			return slot;
	}
}

/* Keeps it half empty. False: out of memory, and digests are computed anew. */
static bool make_room(struct digest_cache *d)
{
	struct digest_cache more = {.room = d->room ? 2 * d->room : 256, .count = d->count};

	if (2 * d->count < d->room)
		return true;
	more.table = calloc(more.room, sizeof *more.table);
	if (!more.table)
		return false;
	for (size_t i = 0; i < d->room; i++)
		if (d->table[i].ino)
			*slot_of(&more, d->table[i].dev, d->table[i].ino) = d->table[i];
	free(d->table);
	*d = more;
	return true;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_unchanged(const struct file_digest *f, const struct stat *st)
{
	return f->ino && f->size == st->st_size && is_same_time(&f->ctime, &st->st_ctim) &&
	       is_same_time(&f->mtime, &st->st_mtim);
}

/* at: O_PATH, of a regular file that may be read without harm. */
static bool hash_file(struct digest_cache *d, int at, const struct stat *st, struct digest *out)
{
	struct file_digest *slot = NULL;
	AUTO_FD int fd = -1;
	struct err ignored;
	char self[64];

	if (st->st_ino && make_room(d))
		slot = slot_of(d, st->st_dev, st->st_ino);
	if (slot && is_unchanged(slot, st)) {
		*out = slot->digest;
		return true;
	}
	snprintf(self, sizeof self, "/proc/self/fd/%d", at);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || digest_fd(fd, out, &ignored) < 0)
		return false;
	if (!slot)
		return true;
	d->count += slot->ino == 0;
	*slot = (struct file_digest){.dev = st->st_dev,
				     .ino = st->st_ino,
				     .size = st->st_size,
				     .ctime = st->st_ctim,
				     .mtime = st->st_mtim,
				     .digest = *out};
	return true;
}

/* Reading a file of /proc or tracefs may block forever or consume its data. Such file systems of the kernel report no
 * blocks. */
static bool has_content(int at)
{
	struct statfs fs;

	return fstatfs(at, &fs) == 0 && (fs.f_blocks || fs.f_type == TMPFS_MAGIC);
}

/* at: O_PATH, or -1. */
static bool hash_regular(struct digest_cache *d, int at, const char *path,
			 const struct stat *wanted, struct digest *out)
{
	uint64_t mount = MOUNT_ID_UNKNOWN;
	struct err ignored;
	struct stat st;

	if (at < 0 || fuse_refuse_users(at, path, &mount, &ignored) < 0 || fstat(at, &st) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_size > DIGESTED_MAX || !has_content(at))
		return false;
	if (wanted && (st.st_dev != wanted->st_dev || st.st_ino != wanted->st_ino))
		return false;
	return hash_file(d, at, &st, out);
}

bool digests_open_file(struct digest_cache *d, const struct trace_event *e, struct digest *out)
{
	AUTO_FD int at = -1;
	char link[64];

	if (e->fd < 0 || !e->st || !S_ISREG(e->st->st_mode))
		return false;
	snprintf(link, sizeof link, "/proc/%d/fd/%d", e->thread, e->fd);
	at = open(link, O_PATH | O_CLOEXEC);
	return hash_regular(d, at, link, NULL, out);
}

/* Root looks up only names that the kernel has cached: any other lookup could reach a user's file system. */
static int open_name(const char *path)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
				     .resolve = geteuid() == 0 ? RESOLVE_CACHED : 0};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);

	if (fd < 0 && errno == EINVAL) /* before Linux 5.12 */
		fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

bool digests_path(struct digest_cache *d, const char *path, dev_t dev, ino_t ino,
		  struct digest *out)
{
	const struct stat wanted = {.st_dev = dev, .st_ino = ino};
	AUTO_FD int at = open_name(path);

	return hash_regular(d, at, path, &wanted, out);
}

/* The user with whose rights a thread accesses files. */
static bool file_user(pid_t tid, uid_t *out)
{
	AUTO_FILE FILE *f = NULL;
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && getline(&line, &room, f) > 0)
		if (sscanf(line, "Uid: %*u %*u %*u %u", out) == 1)
			return true;
	return false;
}

bool digests_may_tell(const struct trace_event *e)
{
	uid_t user;

	if (geteuid() != 0 || (e->st && e->st->st_mode & S_IROTH))
		return true;
	return e->st && file_user(e->thread, &user) && (user == 0 || user == e->st->st_uid);
}
