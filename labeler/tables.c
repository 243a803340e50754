#include "labeler/tables.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/paths.h"

#include <ctype.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <search.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* A mount namespace that was met, held open: its number is not given to another one meanwhile. */
struct space {
	ino_t ns; /* 0: not known, or not shared with others */
	int fd;	  /* -1: not held, so not in the tree */
	struct mount_table table;
	struct space *next;
};

struct tables {
	DIR *proc;
	bool hidden;
	dev_t nsfs;
	ino_t user_ns; /* ours */
	rlim_t fd_max; /* namespaces are held with lower descriptors: the rest is for reading */
	void *by_ns;   /* of tsearch(3): struct space */
	struct space *spaces;
	struct process_tables process;
};

static int compare_ns(const void *a, const void *b)
{
	const struct space *x = a, *y = b;

	return x->ns < y->ns ? -1 : x->ns > y->ns;
}

void mount_table_free(struct mount_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->overlays[i].label);
		free(table->overlays[i].at);
		free(table->overlays[i].root);
		free(table->overlays[i].layer);
		free(table->overlays[i].live);
	}
	free(table->overlays);
}

static void space_free(struct space **space)
{
	if (!*space)
		return;
	mount_table_free(&(*space)->table);
	cleanup_fd(&(*space)->fd);
	free(*space);
	*space = NULL;
}
#define AUTO_SPACE CLEANUP(space_free)

static void keep_nothing(void *node)
{
	(void)node; /* the spaces are freed by their list */
}

void tables_close(struct tables **tables)
{
	struct tables *t = *tables;

	if (!t)
		return;
	tdestroy(t->by_ns, keep_nothing);
	while (t->spaces) {
		struct space *space = t->spaces;

		t->spaces = space->next;
		space_free(&space);
	}
	cleanup_fd(&t->process.dir);
	free(t->process.views);
	cleanup_dir(&t->proc);
	free(t);
	*tables = NULL;
}

/* Whether the process has gone, or is a zombie, which has no mounts any more. */
static bool is_gone(int errnum)
{
	return errnum == ENOENT || errnum == ESRCH || errnum == EINVAL;
}

int tables_open(struct tables **out, struct err *err)
{
	AUTO_TABLES struct tables *t = calloc(1, sizeof *t);
	struct rlimit files;
	struct statfs fs;
	struct stat st;

	if (!t)
		return err_nomem(err);
	t->fd_max = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur / 2 : 0;
	t->process.dir = -1;
	t->proc = opendir("/proc");
	if (!t->proc)
		return err_sys(err, errno, "cannot read /proc");
	/* An empty directory would look like a machine on which nothing runs. */
	if (fstatfs(dirfd(t->proc), &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, EBADMSG, "/proc is not the kernel's");
	if (fstatat(dirfd(t->proc), "self/ns/user", &st, 0) < 0)
		return err_sys(err, errno, "cannot read /proc/self/ns/user");
	t->nsfs = st.st_dev;
	t->user_ns = st.st_ino;
	t->hidden = faccessat(dirfd(t->proc), "1", F_OK, 0) < 0 && errno == ENOENT;
	*out = t;
	t = NULL;
	return 0;
}

bool tables_hidden(const struct tables *t)
{
	return t->hidden;
}

/* -- one table -- */

static void cleanup_table(struct libmnt_table **t)
{
	mnt_unref_table(*t);
}

static void cleanup_iter(struct libmnt_iter **i)
{
	mnt_free_iter(*i);
}

/* The label of a mount, NULL if it is none of a view's. What stands ready for services is nobody's
 * view yet, though all who were started since have it in their tables. */
static const char *label_of(struct libmnt_fs *fs, bool ready)
{
	const char *type = mnt_fs_get_fstype(fs), *source = mnt_fs_get_source(fs);
	const char *at = mnt_fs_get_target(fs);

	if (!type || !source || strcmp(type, "overlay") != 0 ||
	    strncmp(source, PINLIB_SOURCE, strlen(PINLIB_SOURCE)) != 0)
		return NULL;
	if (ready != (at && path_below(at, PINLIB_UNITS)))
		return NULL;
	return source + strlen(PINLIB_SOURCE);
}

static int set_lower(struct overlay *o, const char *path, size_t len, struct err *err)
{
	char **place = !o->layer ? &o->layer : !o->live ? &o->live : NULL;

	if (!place)
		return 0;
	*place = strndup(path, len);
	return *place ? 0 : err_nomem(err);
}

static bool named(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

/* "lowerdir+=LAYER,lowerdir+=LIVE", or "lowerdir=LAYER:LIVE" before Linux 6.7. */
static int read_lowers(struct libmnt_fs *fs, struct overlay *o, struct err *err)
{
	char *options = (char *)mnt_fs_get_fs_options(fs), *name, *value;
	size_t name_len, len;
	int r = 0;

	while (r == 0 && options &&
	       mnt_optstr_next_option(&options, &name, &name_len, &value, &len) == 0) {
		bool joined = named(name, name_len, "lowerdir");
		char *colon = joined && value ? memchr(value, ':', len) : NULL;
		size_t first = colon ? (size_t)(colon - value) : len;

		if (!value || (!joined && !named(name, name_len, "lowerdir+")))
			continue;
		r = set_lower(o, value, first, err);
		if (r == 0 && colon)
			r = set_lower(o, colon + 1, len - first - 1, err);
	}
	return r;
}

static int add_overlay(struct mount_table *table, struct libmnt_fs *fs, const char *label,
		       struct err *err)
{
	const char *at = mnt_fs_get_target(fs), *root = mnt_fs_get_root(fs);
	struct overlay *all = reallocarray(table->overlays, table->count + 1, sizeof *all), *o;

	if (!all)
		return err_nomem(err);
	table->overlays = all;
	o = &all[table->count++];
	*o = (struct overlay){
		.label = strdup(label),
		.at = strdup(at ? at : "/"),
		.root = strdup(root ? root : "/"),
		.dev = mnt_fs_get_devno(fs),
	};
	if (!o->label || !o->at || !o->root)
		return err_nomem(err);
	return read_lowers(fs, o, err);
}

/* libmount would leave out what it cannot read. */
static int no_line_is_left_out(struct libmnt_table *table, const char *name, int line)
{
	(void)table, (void)name, (void)line;
	return -EBADMSG;
}

static int parse(char *text, size_t len, bool ready, struct mount_table *out, struct err *err)
{
	CLEANUP(cleanup_table) struct libmnt_table *table = mnt_new_table();
	CLEANUP(cleanup_iter) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	AUTO_FILE FILE *f = fmemopen(text, len, "r");
	struct libmnt_fs *fs;
	int r = 0;

	if (!table || !iter || !f)
		return err_nomem(err);
	mnt_table_set_parser_errcb(table, no_line_is_left_out);
	/* By a file's name libmount would look for the process that it belongs to. */
	if (mnt_table_parse_stream(table, f, "") != 0)
		return err_set(err, EBADMSG, "cannot understand a mount table");
	while (r == 0 && mnt_table_next_fs(table, iter, &fs) == 0) {
		const char *label = label_of(fs, ready);

		if (label)
			r = add_overlay(out, fs, label, err);
	}
	return r;
}

static bool may_be_ours(const char *line, size_t len)
{
	/* The kernel escapes blanks within fields. */
	return memmem(line, len, " - overlay " PINLIB_SOURCE, strlen(" - overlay " PINLIB_SOURCE));
}

/* The lines that can be a view's overlay: the others are not worth being taken apart. */
static int pick_lines(FILE *in, FILE *out, enum trust trust)
{
	AUTO_FREE char *line = NULL;
	size_t room = 0, picked = 0;
	ssize_t n;

	errno = 0;
	while ((n = getline(&line, &room, in)) > 0) {
		if (!may_be_ours(line, (size_t)n))
			continue;
		if (picked++ == OVERLAYS_MAX)
			return trust == TRUST_YES ? -E2BIG : 0;
		if (fwrite(line, 1, (size_t)n, out) != (size_t)n)
			return -ENOMEM;
	}
	return ferror(in) ? -errno : 0;
}

/* 0 with an empty table if the thread has gone. */
static int read_table(int dir, const char *path, bool ready, struct mount_table *out,
		      struct err *err)
{
	char buffer[TABLES_BUFFER];
	AUTO_FREE char *text = NULL;
	AUTO_FILE FILE *in = NULL;
	AUTO_FD int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	FILE *picked;
	size_t len = 0;
	int r;

	if (fd < 0)
		return is_gone(errno) ? 0 : err_sys(err, errno, "cannot read its mount table");
	in = fdopen(fd, "r");
	if (!in)
		return err_nomem(err);
	fd = -1;
	setvbuf(in, buffer, _IOFBF, sizeof buffer);
	picked = open_memstream(&text, &len);
	if (!picked)
		return err_nomem(err);
	r = pick_lines(in, picked, out->trust);
	if (fclose(picked) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		return is_gone(-r) ? 0 : err_sys(err, -r, "cannot read its mount table");
	return len ? parse(text, len, ready, out, err) : 0;
}

int tables_ready(struct mount_table *out, struct err *err)
{
	*out = (struct mount_table){.trust = TRUST_YES};
	return read_table(AT_FDCWD, "/proc/1/mountinfo", true, out, err);
}

/* -- namespaces -- */

/* What a table shows is its namespace's, and of that the part below the thread's root directory.
 * Only who has the whole speaks for others: names of other roots can be the same for two. By
 * readlink(2), which, unlike stat(2), asks no filesystem: a user's own could never answer. */
static bool sees_all(int dir, const char *task)
{
	char path[64], root[2];

	snprintf(path, sizeof path, "%s/root", task);
	return readlinkat(dir, path, root, sizeof root) == 1 && root[0] == '/';
}

/* 0 if it cannot be known. */
static ino_t namespace_of(int dir, const char *task)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "%s/ns/mnt", task);
	return fstatat(dir, path, &st, 0) == 0 ? st.st_ino : 0;
}

/* Its owner decides: who is in the namespace matters as little as who made the mounts. */
static enum trust trust_of(const struct tables *t, int ns)
{
	AUTO_FD int owner = ioctl(ns, NS_GET_USERNS);
	struct stat st;

	/* EPERM: it is not below our own user namespace. */
	if (owner < 0 || fstat(owner, &st) < 0)
		return TRUST_UNKNOWN;
	return st.st_dev == t->nsfs && st.st_ino == t->user_ns ? TRUST_YES : TRUST_NO;
}

static struct space *find_space(struct tables *t, ino_t ns)
{
	struct space key = {.ns = ns}, **found = ns ? tfind(&key, &t->by_ns, compare_ns) : NULL;

	return found ? *found : NULL;
}

/* Others can be told by it, if the thread did not change its place while we read. Where it cannot
 * be held each of its threads is read for itself. */
static int remember(struct tables *t, struct space *space, int dir, const char *task,
		    struct err *err)
{
	if (space->fd < 0 || (rlim_t)space->fd >= t->fd_max || !sees_all(dir, task) ||
	    namespace_of(dir, task) != space->ns) {
		cleanup_fd(&space->fd);
		space->fd = -1;
		return 0;
	}
	return tsearch(space, &t->by_ns, compare_ns) ? 0 : err_nomem(err);
}

static int new_space(struct tables *t, int dir, const char *task, struct space **out,
		     struct err *err)
{
	AUTO_SPACE struct space *space = calloc(1, sizeof *space);
	char path[64];
	struct stat st;
	int r;

	if (!space)
		return err_nomem(err);
	snprintf(path, sizeof path, "%s/ns/mnt", task);
	space->table.trust = TRUST_UNKNOWN;
	space->fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (space->fd >= 0 && fstat(space->fd, &st) == 0) {
		space->ns = st.st_ino;
		space->table.trust = trust_of(t, space->fd);
	}
	snprintf(path, sizeof path, "%s/mountinfo", task);
	r = read_table(dir, path, false, &space->table, err);
	if (r == 0)
		r = remember(t, space, dir, task, err);
	if (r < 0)
		return r;
	space->next = t->spaces;
	t->spaces = space;
	*out = space;
	space = NULL;
	return 0;
}

/* -- processes -- */

static int add_view(struct process_tables *p, const struct mount_table *table, struct err *err)
{
	const struct mount_table **more;

	for (size_t i = 0; i < p->count; i++)
		if (p->views[i] == table)
			return 0;
	more = reallocarray(p->views, p->count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	p->views = more;
	more[p->count++] = table;
	return 0;
}

static int read_task(struct tables *t, const char *tid, struct err *err)
{
	struct process_tables *p = &t->process;
	struct space *space = NULL;
	char task[32];
	int r = 0;

	snprintf(task, sizeof task, "task/%.20s", tid);
	if (sees_all(p->dir, task))
		space = find_space(t, namespace_of(p->dir, task));
	if (!space)
		r = new_space(t, p->dir, task, &space, err);
	if (r < 0 || space->table.count == 0)
		return r;
	if (p->count == 0)
		memcpy(p->task, task, sizeof task);
	return add_view(p, &space->table, err);
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
static int read_tasks(struct tables *t, struct err *err)
{
	AUTO_FD int fd = openat(t->process.dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *tasks = NULL;
	const char *tid;

	if (fd < 0)
		return is_gone(errno) ? 0 : err_sys(err, errno, "cannot read its threads");
	tasks = fdopendir(fd);
	if (!tasks)
		return err_nomem(err);
	fd = -1;
	while ((tid = next_number(tasks))) {
		int r = read_task(t, tid, err);

		if (r < 0)
			return r;
	}
	return is_gone(errno) || errno == 0 ? 0 : err_sys(err, errno, "cannot read its threads");
}

/* 1, or 0 if it has gone. */
static int read_process(struct tables *t, const char *name, struct err *err)
{
	struct process_tables *p = &t->process;

	cleanup_fd(&p->dir);
	p->count = 0;
	p->pid = (pid_t)strtol(name, NULL, 10);
	p->dir = openat(dirfd(t->proc), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0 && is_gone(errno))
		return 0;
	p->failed = p->dir < 0 ? err_sys(err, errno, "cannot read it") : read_tasks(t, err);
	if (p->failed < 0)
		err_wrap(err, p->failed, "process %.20s", name);
	return 1;
}

int tables_next(struct tables *t, struct process_tables *out, struct err *err)
{
	const char *name;

	while ((name = next_number(t->proc))) {
		if (read_process(t, name, err) == 0)
			continue;
		*out = t->process;
		return 1;
	}
	return errno ? err_sys(err, errno, "cannot read /proc") : 0;
}

int tables_one(struct tables *t, pid_t pid, struct process_tables *out, struct err *err)
{
	char name[16];

	snprintf(name, sizeof name, "%d", pid ? pid : getpid());
	if (read_process(t, name, err) == 0)
		return err_set(err, ESRCH, "there is no process %s", name);
	*out = t->process;
	return 0;
}

static bool is_inherited(const struct tables *t, const struct overlay *overlay)
{
	for (const struct space *s = t->spaces; s; s = s->next)
		for (size_t i = 0; s->table.trust == TRUST_YES && i < s->table.count; i++)
			if (s->table.overlays[i].dev == overlay->dev &&
			    strcmp(s->table.overlays[i].label, overlay->label) == 0)
				return true;
	return false;
}

enum trust tables_trust(const struct tables *t, const struct mount_table *table,
			const struct overlay *overlay)
{
	return table->trust == TRUST_NO && is_inherited(t, overlay) ? TRUST_YES : table->trust;
}
