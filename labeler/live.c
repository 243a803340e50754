#include "labeler/live.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "labeler/tables.h"

#include <fcntl.h>
#include <search.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void live_free(struct live *live)
{
	for (size_t i = 0; i < live->count; i++)
		free(live->labels[i]);
	free(live->labels);
	*live = (struct live){0};
}

/* What is found, and a tree of it (tsearch(3)): users can forge many. */
struct finding {
	struct live live;
	void *by_label;
};

static void keep_nothing(void *node)
{
	(void)node; /* the labels are freed by their list */
}

static void finding_end(struct finding *f)
{
	tdestroy(f->by_label, keep_nothing);
	live_free(&f->live);
}

static int compare_label(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Unless it is there. */
static int add(struct finding *f, const char *label, struct err *err)
{
	char **more, *copy;

	if (tfind(label, &f->by_label, compare_label))
		return 0;
	more = reallocarray(f->live.labels, f->live.count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	f->live.labels = more;
	copy = strdup(label);
	if (!copy)
		return err_nomem(err);
	more[f->live.count++] = copy;
	return tsearch(copy, &f->by_label, compare_label) ? 0 : err_nomem(err);
}

/* Forged labels too: they can only keep what could go, and a child of a view that made itself a
 * user namespace looks the same. */
static int add_process(struct finding *f, const struct process_tables *p, struct err *err)
{
	int r = p->failed;

	for (size_t i = 0; r == 0 && i < p->count; i++)
		for (size_t k = 0; r == 0 && k < p->views[i]->count; k++)
			r = add(f, p->views[i]->overlays[k].label, err);
	return r;
}

/* What stands ready for a service is read by what systemd starts next. */
static int add_ready(struct finding *f, struct err *err)
{
	AUTO_MOUNT_TABLE struct mount_table table = {0};
	int r = tables_ready(&table, err);

	for (size_t i = 0; r == 0 && i < table.count; i++)
		r = add(f, table.overlays[i].label, err);
	return r;
}

int live_labels(struct live *out, struct err *err)
{
	AUTO_TABLES struct tables *tables = NULL;
	CLEANUP(finding_end) struct finding found = {0};
	struct process_tables p;
	int r = tables_open(&tables, err);

	if (r == 0 && tables_hidden(tables))
		return err_set(err, EACCES, "/proc hides processes from this user");
	while (r == 0 && (r = tables_next(tables, &p, err)) > 0)
		r = add_process(&found, &p, err);
	if (r == 0)
		r = add_ready(&found, err);
	if (r < 0)
		return r;
	*out = found.live;
	found.live = (struct live){0};
	return 0;
}

/* -- launches under way -- */

struct pids {
	pid_t *items;
	size_t count;
};

static void pids_free(struct pids *pids)
{
	free(pids->items);
}

/* Whether the process is the wrapper, under any of its names or one that was just replaced. Nothing
 * is asked of the file system it is on, which may be a user's own and never answer. One that cannot
 * be looked at may be. */
static bool is_wrapper(int proc, pid_t pid, const struct statx *wrapper)
{
	static const char name[] = PINLIB_WRAPPER;
	char exe[32], text[sizeof name];
	struct statx stx;
	ssize_t n;

	snprintf(exe, sizeof exe, "%d/exe", pid);
	n = readlinkat(proc, exe, text, sizeof text);
	if (n < 0)
		return errno != ENOENT && errno != ESRCH;
	/* One byte more fits: what follows a whole name is " (deleted)". */
	if ((size_t)n >= sizeof name - 1 && memcmp(text, name, sizeof name - 1) == 0 &&
	    ((size_t)n == sizeof name - 1 || text[n - 1] == ' '))
		return true;
	return statx(proc, exe, AT_STATX_DONT_SYNC, STATX_INO, &stx) == 0 &&
	       stx.stx_ino == wrapper->stx_ino && stx.stx_dev_major == wrapper->stx_dev_major &&
	       stx.stx_dev_minor == wrapper->stx_dev_minor;
}

static int list_wrappers(DIR *proc, const struct statx *wrapper, struct pids *out, struct err *err)
{
	struct dirent *d;

	for (errno = 0; (d = readdir(proc)); errno = 0) {
		char *end;
		long pid = strtol(d->d_name, &end, 10);
		pid_t *more;

		if (*end || pid <= 0 || !is_wrapper(dirfd(proc), (pid_t)pid, wrapper))
			continue;
		more = reallocarray(out->items, out->count + 1, sizeof *more);
		if (!more)
			return err_nomem(err);
		out->items = more;
		out->items[out->count++] = (pid_t)pid;
	}
	return errno ? err_sys(err, errno, "cannot read /proc") : 0;
}

/* Keeps those that are still the wrapper. */
static void keep_wrappers(DIR *proc, const struct statx *wrapper, struct pids *pids)
{
	size_t kept = 0;

	for (size_t i = 0; i < pids->count; i++)
		if (is_wrapper(dirfd(proc), pids->items[i], wrapper))
			pids->items[kept++] = pids->items[i];
	pids->count = kept;
}

int live_launches(unsigned int milliseconds, size_t *left, struct err *err)
{
	CLEANUP(pids_free) struct pids pids = {0};
	AUTO_DIR DIR *proc = opendir("/proc");
	struct statx wrapper = {0};
	int r;

	if (!proc)
		return err_sys(err, errno, "cannot read /proc");
	if (statx(AT_FDCWD, PINLIB_WRAPPER, 0, STATX_INO, &wrapper) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot stat %s", PINLIB_WRAPPER);
	r = list_wrappers(proc, &wrapper, &pids, err);
	for (unsigned int i = 0; r == 0 && i < milliseconds && pids.count; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		keep_wrappers(proc, &wrapper, &pids);
	}
	*left = pids.count;
	return r;
}

int live_in_view(struct err *err)
{
	AUTO_TABLES struct tables *tables = NULL;
	struct process_tables p = {0};
	int r = tables_open(&tables, err);

	if (r == 0)
		r = tables_one(tables, 0, &p, err);
	if (r == 0)
		r = p.failed;
	return r < 0 ? r : p.count > 0;
}
