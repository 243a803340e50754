#include "labeler/live.h"

#include "base/cleanup.h"
#include "base/paths.h"

#include <ctype.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

void live_free(struct live *live)
{
	for (size_t i = 0; i < live->count; i++)
		free(live->labels[i]);
	free(live->labels);
	*live = (struct live){0};
}

static void cleanup_table(struct libmnt_table **t)
{
	mnt_unref_table(*t);
}

static void cleanup_iter(struct libmnt_iter **i)
{
	mnt_free_iter(*i);
}

/* The label of a mount, NULL if it is none of a view's. */
static const char *label_of(struct libmnt_fs *fs)
{
	const char *type = mnt_fs_get_fstype(fs), *source = mnt_fs_get_source(fs);

	if (!type || !source || strcmp(type, "overlay") != 0 ||
	    strncmp(source, PINLIB_SOURCE, strlen(PINLIB_SOURCE)) != 0)
		return NULL;
	return source + strlen(PINLIB_SOURCE);
}

/* Unless it is there. */
static int add(struct live *live, const char *label, struct err *err)
{
	char **more;

	for (size_t i = 0; i < live->count; i++)
		if (strcmp(live->labels[i], label) == 0)
			return 0;
	more = reallocarray(live->labels, live->count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	live->labels = more;
	more[live->count] = strdup(label);
	if (!more[live->count])
		return err_nomem(err);
	live->count++;
	return 0;
}

/* Whether the process has gone, or is a zombie, which has no mounts any more. */
static bool is_gone(int errnum)
{
	return errnum == ENOENT || errnum == ESRCH || errnum == EINVAL;
}

static int read_table(const char *path, struct live *live, struct err *err)
{
	__attribute__((cleanup(cleanup_table))) struct libmnt_table *table = mnt_new_table();
	__attribute__((cleanup(cleanup_iter))) struct libmnt_iter *iter =
		mnt_new_iter(MNT_ITER_FORWARD);
	AUTO_FILE FILE *f = fopen(path, "re");
	struct libmnt_fs *fs;

	if (!table || !iter)
		return err_nomem(err);
	if (!f)
		return is_gone(errno) ? 0 : err_sys(err, errno, "cannot read %s", path);
	errno = 0;
	if (mnt_table_parse_stream(table, f, path) != 0 && !is_gone(errno))
		return err_set(err, EBADMSG, "cannot read %s", path);
	while (mnt_table_next_fs(table, iter, &fs) == 0) {
		const char *label = label_of(fs);
		int r = label ? add(live, label, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* What a thread's table shows: its mount namespace, and of that, since the kernel leaves out what
 * lies outside, the part below its root directory. By readlink(2), which, unlike stat(2), asks no
 * filesystem: a user's own could refuse or never answer. 1, or 0 if the thread has gone. */
static int look(const char *task, char key[PATH_MAX + 32], struct err *err)
{
	char path[400], root[PATH_MAX];
	struct stat ns;
	ssize_t n = -1;

	snprintf(path, sizeof path, "%s/ns/mnt", task);
	if (stat(path, &ns) == 0) {
		snprintf(path, sizeof path, "%s/root", task);
		n = readlink(path, root, sizeof root - 1);
		/* Too deep for a name: then it is told from all others by the thread. */
		if (n < 0 && errno == ENAMETOOLONG)
			n = snprintf(root, sizeof root, "%s", task);
	}
	if (n >= 0) {
		root[n] = '\0';
		snprintf(key, PATH_MAX + 32, "%ju %s", (uintmax_t)ns.st_ino, root);
		return 1;
	}
	/* A thread that ends between the kernel's two looks at it gives EACCES too: ask whether it
	 * is there at all. */
	if (is_gone(errno) || (errno == EACCES && access(task, F_OK) < 0))
		return 0;
	return err_sys(err, errno, "cannot read %s", path);
}

/* Many threads show the same: each table is read once. */
static int read_task(const char *task, struct live *seen, struct live *live, struct err *err)
{
	char path[400], key[PATH_MAX + 32];
	size_t before = seen->count;
	int r = look(task, key, err);

	if (r > 0)
		r = add(seen, key, err);
	if (r < 0 || seen->count == before)
		return r;
	snprintf(path, sizeof path, "%s/mountinfo", task);
	return read_table(path, live, err);
}

/* The next entry of /proc or of a task directory: their names are numbers. NULL at the end, or with
 * errno: a list that breaks off would make live views look dead. */
static const char *next_number(DIR *dir)
{
	struct dirent *d;

	do {
		errno = 0;
		d = readdir(dir);
	} while (d && !isdigit((unsigned char)d->d_name[0]));
	return d ? d->d_name : NULL;
}

/* Every thread: the first can end before the others, and each can have a namespace of its own. */
static int read_process(const char *pid, struct live *seen, struct live *live, struct err *err)
{
	char path[64], task[128];
	AUTO_DIR DIR *tasks = NULL;
	const char *tid;

	snprintf(path, sizeof path, "/proc/%.20s/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return is_gone(errno) ? 0 : err_sys(err, errno, "cannot read %s", path);
	while ((tid = next_number(tasks))) {
		int r;

		snprintf(task, sizeof task, "%s/%.20s", path, tid);
		r = read_task(task, seen, live, err);
		if (r < 0)
			return r;
	}
	return is_gone(errno) || errno == 0 ? 0 : err_sys(err, errno, "cannot read %s", path);
}

int live_labels(struct live *out, struct err *err)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	AUTO_LIVE struct live live = {0};
	AUTO_LIVE struct live seen = {0}; /* keys, not labels: the same list of strings */
	const char *pid;

	if (!proc)
		return err_sys(err, errno, "cannot read /proc");
	while ((pid = next_number(proc))) {
		int r = read_process(pid, &seen, &live, err);

		if (r < 0)
			return r;
	}
	if (errno)
		return err_sys(err, errno, "cannot read /proc");
	*out = live;
	live = (struct live){0};
	return 0;
}

int live_in_view(struct err *err)
{
	AUTO_LIVE struct live live = {0};
	int r = read_table("/proc/self/mountinfo", &live, err);

	return r < 0 ? r : live.count > 0;
}
