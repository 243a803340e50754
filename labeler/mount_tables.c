#include "labeler/mount_tables.h"

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
#include <sys/sysmacros.h>
#include <sys/vfs.h>

/* What decides about a thread's table: its namespace, and its root directory, below which the table shows what
 * there is. A table that was read for one thread is that of all with the same place. */
struct place {
	uint64_t ns; /* 0: not known, or not shared with others */
	uint64_t mount, dev, ino;
};

/* A place that was met. Its namespace is held open: the number is not given to another one meanwhile. */
struct space {
	struct place place;
	int fd; /* -1: not held, so not in the tree */
	struct mount_table table;
	struct space *next;
};

#define FIRST_NOT_READ UINT64_MAX

struct mount_tables {
	DIR *proc;
	bool hidden;
	dev_t nsfs;
	ino_t user_ns; /* ours */
	uint64_t
		first_ns; /* the first process's, if there is no view in it: nobody in it has one. 0: not known */
	bool ours_only;
	size_t foreign_read; /* bytes of the tables of namespaces that are not root's, so far */
	const struct believed *believed;
	rlim_t fd_max;	/* namespaces are held with lower descriptors: the rest is for reading */
	void *by_place; /* of tsearch(3): struct space */
	struct space *spaces;
	struct process_tables process;
};

static int compare_place(const void *a, const void *b)
{
	return memcmp(&((const struct space *)a)->place, &((const struct space *)b)->place,
		      sizeof(struct place));
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

void mount_tables_close(struct mount_tables **tables)
{
	struct mount_tables *t = *tables;

	if (!t)
		return;
	tdestroy(t->by_place, keep_nothing);
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

int mount_tables_open(struct mount_tables **out, struct err *err)
{
	AUTO_MOUNT_TABLES struct mount_tables *t = calloc(1, sizeof *t);
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
	t->first_ns = FIRST_NOT_READ;
	*out = t;
	t = NULL;
	return 0;
}

bool mount_tables_hidden(const struct mount_tables *t)
{
	return t->hidden;
}

void mount_tables_ours_only(struct mount_tables *t)
{
	t->ours_only = true;
}

void mount_tables_believe(struct mount_tables *t, const struct believed *believed)
{
	t->believed = believed;
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
static int pick_lines(FILE *in, FILE *out, struct mount_table *table)
{
	enum trust trust = table->trust;
	AUTO_FREE char *line = NULL;
	size_t room = 0, picked = 0;
	ssize_t n;

	errno = 0;
	while ((n = getline(&line, &room, in)) > 0) {
		table->read += (size_t)n;
		if (trust == TRUST_NO && table->read > FOREIGN_MAX)
			return 0;
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
	char buffer[MOUNT_TABLES_BUFFER];
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
	r = pick_lines(in, picked, out);
	if (fclose(picked) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		return is_gone(-r) ? 0 : err_sys(err, -r, "cannot read its mount table");
	return len ? parse(text, len, ready, out, err) : 0;
}

int mount_tables_ready(struct mount_table *out, struct err *err)
{
	*out = (struct mount_table){.trust = TRUST_YES};
	return read_table(AT_FDCWD, "/proc/1/mountinfo", true, out, err);
}

int mount_tables_read(int dir, struct mount_table *out, struct err *err)
{
	*out = (struct mount_table){.trust = TRUST_NO};
	return read_table(dir, "mountinfo", false, out, err);
}

/* -- namespaces -- */

/* All zero if it cannot be known. The root directory is a user's, and could be on a file system that never answers: it
 * is not asked. */
static struct place place_of(int dir, const char *task)
{
	char path[64];
	struct statx root;
	struct stat ns;

	snprintf(path, sizeof path, "%s/root", task);
	if (statx(dir, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &root) < 0 ||
	    !(root.stx_mask & STATX_MNT_ID))
		return (struct place){0};
	snprintf(path, sizeof path, "%s/ns/mnt", task);
	if (fstatat(dir, path, &ns, 0) < 0)
		return (struct place){0};
	return (struct place){
		.ns = ns.st_ino,
		.mount = root.stx_mnt_id,
		.dev = makedev(root.stx_dev_major, root.stx_dev_minor),
		.ino = root.stx_ino,
	};
}

/* Whether uid 0 is in the thread's user namespace, which is to have this number, what it is here. */
static bool maps_our_root(int dir, const char *task, ino_t user_ns)
{
	AUTO_FILE FILE *f = NULL;
	char path[64];
	struct stat st;
	unsigned int inside, outside;
	int fd;

	snprintf(path, sizeof path, "%s/ns/user", task);
	if (fstatat(dir, path, &st, 0) < 0 || st.st_ino != user_ns)
		return false;
	snprintf(path, sizeof path, "%s/uid_map", task);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f && fd >= 0)
		close(fd);
	return f && fscanf(f, "%u %u", &inside, &outside) == 2 && inside == 0 && outside == 0;
}

bool mount_tables_is_roots(int dir)
{
	struct stat own, st;

	return stat("/proc/self/ns/user", &own) == 0 && fstatat(dir, "ns/user", &st, 0) == 0 &&
	       (st.st_ino == own.st_ino || maps_our_root(dir, ".", st.st_ino));
}

/* Its owner decides: who is in the namespace matters as little as who made the mounts. In a user namespace that root
 * made and that has the same root (a container without a mapping) that root mounted them. */
static enum trust trust_of(const struct mount_tables *t, int ns, int dir, const char *task)
{
	AUTO_FD int owner = ioctl(ns, NS_GET_USERNS);
	struct stat st;
	uid_t maker;

	/* EPERM: it is not below our own user namespace. */
	if (owner < 0 || fstat(owner, &st) < 0)
		return TRUST_UNKNOWN;
	if (st.st_dev == t->nsfs && st.st_ino == t->user_ns)
		return TRUST_YES;
	return ioctl(owner, NS_GET_OWNER_UID, &maker) == 0 && maker == 0 &&
			       maps_our_root(dir, task, st.st_ino)
		       ? TRUST_YES
		       : TRUST_NO;
}

static struct space *find_space(struct mount_tables *t, const struct place *place)
{
	struct space key = {.place = *place},
		     **found = place->ns ? tfind(&key, &t->by_place, compare_place) : NULL;

	return found ? *found : NULL;
}

/* Others can be told by it, if the thread did not change its place while we read. Where it cannot
 * be held each of its threads is read for itself. */
static int remember(struct mount_tables *t, struct space *space, int dir, const char *task,
		    struct err *err)
{
	struct place now = {0};

	if (space->fd >= 0 && (rlim_t)space->fd < t->fd_max)
		now = place_of(dir, task);
	if (!now.ns || memcmp(&now, &space->place, sizeof now) != 0) {
		cleanup_fd(&space->fd);
		space->fd = -1;
		return 0;
	}
	return tsearch(space, &t->by_place, compare_place) ? 0 : err_nomem(err);
}

/* What users have in namespaces of their own must not take root's time: of one table, and of all together, no more
 * is read than a bound. */
static int read_space(struct mount_tables *t, struct space *space, int dir, const char *task,
		      struct err *err)
{
	struct mount_table *table = &space->table;
	char path[64];
	int r;

	if (table->trust == TRUST_NO && t->ours_only)
		return 0;
	if (table->trust == TRUST_NO && t->foreign_read > FOREIGN_ALL_MAX)
		return err_set(err, E2BIG, "there are too many mounts in users' own namespaces");
	snprintf(path, sizeof path, "%s/mountinfo", task);
	r = read_table(dir, path, false, table, err);
	if (table->trust == TRUST_NO)
		t->foreign_read += table->read;
	return r;
}

static int new_space(struct mount_tables *t, int dir, const char *task, const struct place *place,
		     struct space **out, struct err *err)
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
	if (space->fd >= 0 && fstat(space->fd, &st) == 0 && st.st_ino == place->ns)
		space->place = *place;
	if (space->fd >= 0)
		space->table.trust = trust_of(t, space->fd, dir, task);
	r = read_space(t, space, dir, task, err);
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

/* Whether it is the first process's namespace, and there is no view in that: then no root directory in it shows
 * one. It is where most processes are, and where users can have as many root directories as they like. */
static bool is_in_first(struct mount_tables *t, const struct place *place)
{
	if (t->first_ns == FIRST_NOT_READ) {
		CLEANUP(mount_table_free) struct mount_table table = {.trust = TRUST_YES};
		struct place first = place_of(dirfd(t->proc), "1");
		struct err ignored; /* then nothing is known of it */
		int r = read_table(dirfd(t->proc), "1/mountinfo", false, &table, &ignored);

		t->first_ns = r < 0 || table.count ? 0 : first.ns;
	}
	return place->ns && place->ns == t->first_ns;
}

/* -- processes -- */

static int add_view(struct process_tables *p, struct mount_table *table, struct err *err)
{
	struct mount_table **more;

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

static int read_task(struct mount_tables *t, const char *tid, struct err *err)
{
	struct process_tables *p = &t->process;
	struct space *space = NULL;
	struct place place;
	char task[32];
	int r = 0;

	snprintf(task, sizeof task, "task/%.20s", tid);
	place = place_of(p->dir, task);
	if (is_in_first(t, &place))
		return 0;
	space = find_space(t, &place);
	if (!space)
		r = new_space(t, p->dir, task, &place, &space, err);
	if (r < 0 || space->table.count == 0)
		return r;
	if (p->count == 0)
		memcpy(p->task, task, sizeof task);
	return add_view(p, &space->table, err);
}

/* The next entry of a task directory: their names are numbers. NULL at the end, or with errno: a list that breaks off
 * would make live views look dead. */
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
static int read_tasks(struct mount_tables *t, struct err *err)
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
static int read_process(struct mount_tables *t, const char *name, struct err *err)
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

int mount_tables_one(struct mount_tables *t, pid_t pid, struct process_tables *out, struct err *err)
{
	char name[16];

	snprintf(name, sizeof name, "%d", pid ? pid : getpid());
	if (read_process(t, name, err) == 0)
		return err_set(err, ESRCH, "there is no process %s", name);
	*out = t->process;
	return 0;
}

static bool is_inherited(const struct mount_tables *t, const struct overlay *overlay)
{
	for (const struct believed *b = t->believed; b; b = b->next)
		if (b->dev == overlay->dev && strcmp(b->label, overlay->label) == 0)
			return true;
	return false;
}

enum trust mount_tables_trust(const struct mount_tables *t, const struct mount_table *table,
			      const struct overlay *overlay)
{
	return table->trust == TRUST_NO && is_inherited(t, overlay) ? TRUST_YES : table->trust;
}
