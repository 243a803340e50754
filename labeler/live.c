#include "labeler/live.h"

#include "base/cleanup.h"
#include "base/paths.h"

#include <ctype.h>
#include <libmount/libmount.h>
#include <stdbool.h>
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

/* Mount namespaces that were read already, by inode: many processes share few. */
struct seen {
	ino_t *items;
	size_t count;
};

static bool is_new(struct seen *seen, ino_t ino, int *r, struct err *err)
{
	ino_t *more;

	for (size_t i = 0; i < seen->count; i++)
		if (seen->items[i] == ino)
			return false;
	more = reallocarray(seen->items, seen->count + 1, sizeof *more);
	if (!more) {
		*r = err_nomem(err);
		return false;
	}
	seen->items = more;
	more[seen->count++] = ino;
	return true;
}

int live_labels(struct live *out, struct err *err)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	AUTO_LIVE struct live live = {0};
	AUTO_FREE ino_t *items = NULL;
	struct seen seen = {0};
	struct dirent *d;
	int r = 0;

	if (!proc)
		return err_sys(err, errno, "cannot read /proc");
	while (r == 0 && (d = readdir(proc))) {
		char path[300];
		struct stat st;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof path, "/proc/%s/ns/mnt", d->d_name);
		if (stat(path, &st) < 0) {
			if (!is_gone(errno))
				return err_sys(err, errno, "cannot read %s", path);
			continue;
		}
		if (!is_new(&seen, st.st_ino, &r, err))
			continue;
		items = seen.items;
		snprintf(path, sizeof path, "/proc/%s/mountinfo", d->d_name);
		r = read_table(path, &live, err);
	}
	items = seen.items;
	if (r < 0)
		return r;
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
