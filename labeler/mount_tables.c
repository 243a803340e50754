#include "labeler/mount_tables.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "labeler/who.h"

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

/* A thread's mount namespace and its root directory, below which the table shows mounts: all threads with the same two
 * have the same table. */
struct table_key {
	uint64_t ns; /* 0: unknown, or not shared with others */
	uint64_t mount, dev, ino;
};

/* A table that was read. Its namespace is held open, so that the kernel does not reuse its number. */
struct known_table {
	struct table_key key;
	int fd; /* -1: not held, and not in the tree */
	struct mount_table table;
	struct known_table *next;
};

#define FIRST_NOT_READ UINT64_MAX

struct mount_tables {
	DIR *proc;
	bool hidden;
	dev_t nsfs;
	ino_t user_ns; /* ours */
	/* The namespace of process 1 if it has no view: then no process in it is in one. 0: unknown. */
	uint64_t first_ns;
	bool ours_only;
	size_t foreign_read; /* bytes read so far from tables of namespaces that are not root's */
	const struct believed *believed;
	rlim_t fd_max; /* namespaces are held by lower descriptors; the others are for reading */
	void *by_key;  /* of tsearch(3): struct known_table */
	struct known_table *known;
	struct process_tables process;
};

static int key_order(const void *a, const void *b)
{
	return memcmp(&((const struct known_table *)a)->key, &((const struct known_table *)b)->key,
		      sizeof(struct table_key));
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

static void known_table_free(struct known_table **known)
{
	if (!*known)
		return;
	mount_table_free(&(*known)->table);
	cleanup_fd(&(*known)->fd);
	free(*known);
	*known = NULL;
}

static void keep_nothing(void *node)
{
	(void)node; /* mount_tables_close frees them by their list */
}

void mount_tables_close(struct mount_tables **tables)
{
	struct mount_tables *t = *tables;

	if (!t)
		return;
	tdestroy(t->by_key, keep_nothing);
	while (t->known) {
		struct known_table *known = t->known;

		t->known = known->next;
		known_table_free(&known);
	}
	cleanup_fd(&t->process.dir);
	free(t->process.views);
	cleanup_dir(&t->proc);
	free(t);
	*tables = NULL;
}

/* Whether the process has ended, or is a zombie, which has no mounts. */
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
	/* An empty directory would look like a machine without processes. */
	if (fstatfs(dirfd(t->proc), &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, EBADMSG, "/proc is not a procfs");
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

/* The label of a mount, or NULL if it is not an overlay of a view. ready: only those prepared for services; otherwise
 * these are left out, as no process is in such a view yet, although later processes have it in their tables. */
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

static bool is_named(const char *name, size_t len, const char *wanted)
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
		bool joined = is_named(name, name_len, "lowerdir");
		char *colon = joined && value ? memchr(value, ':', len) : NULL;
		size_t first = colon ? (size_t)(colon - value) : len;

		if (!value || (!joined && !is_named(name, name_len, "lowerdir+")))
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
	struct overlay *o;

	if (ARRAY_GROW(table->overlays, table->count, err) < 0)
		return -ENOMEM;
	o = &table->overlays[table->count++];
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

/* Without this, libmount would skip lines that it cannot parse. */
static int fail_at_bad_line(struct libmnt_table *table, const char *name, int line)
{
	(void)table, (void)name, (void)line;
	return -EBADMSG;
}

static int parse_table(char *text, size_t len, bool ready, struct mount_table *out, struct err *err)
{
	CLEANUP(cleanup_table) struct libmnt_table *table = mnt_new_table();
	CLEANUP(cleanup_iter) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	AUTO_FILE FILE *f = fmemopen(text, len, "r");
	struct libmnt_fs *fs;
	int r = 0;

	if (!table || !iter || !f)
		return err_nomem(err);
	mnt_table_set_parser_errcb(table, fail_at_bad_line);
	/* With a file name libmount would look for the process that the file belongs to. */
	if (mnt_table_parse_stream(table, f, "") != 0)
		return err_set(err, EBADMSG, "cannot parse a mount table");
	while (r == 0 && mnt_table_next_fs(table, iter, &fs) == 0) {
		const char *label = label_of(fs, ready);

		if (label)
			r = add_overlay(out, fs, label, err);
	}
	return r;
}

static bool may_be_ours(const char *line, size_t len)
{
	/* Unambiguous, since the kernel escapes blanks within fields. */
	return memmem(line, len, " - overlay " PINLIB_SOURCE, strlen(" - overlay " PINLIB_SOURCE));
}

/* Whether the line is the mount of an app's original, which has lost its name to another file. The kernel then adds
 * "//deleted" to the root of the mount: ID PARENT DEVICE ROOT POINT. */
static bool is_replaced_original(const char *line, size_t len)
{
	static const char mark[] = "//deleted ";
	char root[PATH_MAX], point[PATH_MAX], dir[PATH_MAX];

	if (!memmem(line, len, mark, strlen(mark)) ||
	    sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2)
		return false;
	root[strlen(root) - (strlen(mark) - 1)] = '\0';
	path_dir(root, dir);
	return strcmp(path_base(dir), PINLIB_REAL_DIR) == 0 &&
	       strcmp(path_base(root), path_base(point)) == 0;
}

/* Copies the lines that can be a view's overlay, so that libmount parses no others. */
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
		table->app_replaced |= is_replaced_original(line, (size_t)n);
		if (!may_be_ours(line, (size_t)n))
			continue;
		if (picked++ == OVERLAYS_MAX)
			return trust == TRUST_YES ? -E2BIG : 0;
		if (fwrite(line, 1, (size_t)n, out) != (size_t)n)
			return -ENOMEM;
	}
	return ferror(in) ? -errno : 0;
}

/* 0 with an empty table if the thread has ended. */
static int read_table(int dir, const char *path, bool ready, struct mount_table *out,
		      struct err *err)
{
	char buffer[MOUNT_TABLES_BUFFER];
	AUTO_FREE char *text = NULL;
	AUTO_FILE FILE *in = file_stream_at(dir, path);
	FILE *picked;
	size_t len = 0;
	int r;

	if (!in)
		return is_gone(errno) ? 0 : err_sys(err, errno, "cannot read the mount table");
	setvbuf(in, buffer, _IOFBF, sizeof buffer);
	picked = open_memstream(&text, &len);
	if (!picked)
		return err_nomem(err);
	r = pick_lines(in, picked, out);
	if (fclose(picked) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		return is_gone(-r) ? 0 : err_sys(err, -r, "cannot read the mount table");
	return len ? parse_table(text, len, ready, out, err) : 0;
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

/* All zero if a part is unknown. The root directory may be on a user's file system, which may never answer, so only the
 * kernel is asked. */
static struct table_key key_of(int dir, const char *task)
{
	char path[WHO_PATH_MAX];
	struct statx root;
	struct stat ns;

	who_path(task, "root", path);
	if (statx(dir, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &root) < 0 ||
	    !(root.stx_mask & STATX_MNT_ID))
		return (struct table_key){0};
	who_path(task, "ns/mnt", path);
	if (fstatat(dir, path, &ns, 0) < 0)
		return (struct table_key){0};
	return (struct table_key){
		.ns = ns.st_ino,
		.mount = root.stx_mnt_id,
		.dev = makedev(root.stx_dev_major, root.stx_dev_minor),
		.ino = root.stx_ino,
	};
}

/* Whether the thread is in the user namespace of that number, and user 0 there is user 0 here. */
static bool maps_our_root(int dir, const char *task, ino_t user_ns)
{
	AUTO_FILE FILE *f = NULL;
	char path[WHO_PATH_MAX];
	struct stat st;
	unsigned int inside, outside;

	who_path(task, "ns/user", path);
	if (fstatat(dir, path, &st, 0) < 0 || st.st_ino != user_ns)
		return false;
	who_path(task, "uid_map", path);
	f = file_stream_at(dir, path);
	return f && fscanf(f, "%u %u", &inside, &outside) == 2 && inside == 0 && outside == 0;
}

bool mount_tables_is_roots(int dir)
{
	struct stat own, st;

	return stat("/proc/self/ns/user", &own) == 0 && fstatat(dir, "ns/user", &st, 0) == 0 &&
	       (st.st_ino == own.st_ino || maps_our_root(dir, ".", st.st_ino));
}

/* Only the owner of the mount namespace matters, not its processes nor who made the mounts. In a user namespace that root
 * created with the same root (a container without a mapping), that root made them. */
static enum trust trust_of(const struct mount_tables *t, int ns, int dir, const char *task)
{
	AUTO_FD int owner = ioctl(ns, NS_GET_USERNS);
	struct stat st;
	uid_t maker;

	/* EPERM: the owner is not our own user namespace or one below. */
	if (owner < 0 || fstat(owner, &st) < 0)
		return TRUST_UNKNOWN;
	if (st.st_dev == t->nsfs && st.st_ino == t->user_ns)
		return TRUST_YES;
	return ioctl(owner, NS_GET_OWNER_UID, &maker) == 0 && maker == 0 &&
			       maps_our_root(dir, task, st.st_ino)
		       ? TRUST_YES
		       : TRUST_NO;
}

static struct known_table *find_table(struct mount_tables *t, const struct table_key *wanted)
{
	struct known_table like = {.key = *wanted},
			   **found = wanted->ns ? tfind(&like, &t->by_key, key_order) : NULL;

	return found ? *found : NULL;
}

/* Makes the table serve other threads, unless this thread changed its namespace or root meanwhile. If the namespace
 * cannot be held open, the table is read again for each thread. */
static int index_table(struct mount_tables *t, struct known_table *known, int dir, const char *task,
		       struct err *err)
{
	struct table_key now = {0};

	if (known->fd >= 0 && (rlim_t)known->fd < t->fd_max)
		now = key_of(dir, task);
	if (!now.ns || memcmp(&now, &known->key, sizeof now) != 0) {
		cleanup_fd(&known->fd);
		known->fd = -1;
		return 0;
	}
	return tsearch(known, &t->by_key, key_order) ? 0 : err_nomem(err);
}

/* Users must not keep root busy with the mounts of their own namespaces: from each such table, and from all together, no
 * more than FOREIGN_MAX and FOREIGN_ALL_MAX are read. */
static int read_known_table(struct mount_tables *t, struct known_table *known, int dir,
			    const char *task, struct err *err)
{
	struct mount_table *table = &known->table;
	char path[WHO_PATH_MAX];
	int r;

	if (table->trust == TRUST_NO && t->ours_only)
		return 0;
	if (table->trust == TRUST_NO && t->foreign_read > FOREIGN_ALL_MAX)
		return err_set(err, E2BIG, "users have too many mounts in namespaces of their own");
	who_path(task, "mountinfo", path);
	r = read_table(dir, path, false, table, err);
	if (table->trust == TRUST_NO)
		t->foreign_read += table->read;
	return r;
}

static int new_table(struct mount_tables *t, int dir, const char *task, const struct table_key *key,
		     struct known_table **out, struct err *err)
{
	CLEANUP(known_table_free) struct known_table *known = calloc(1, sizeof *known);
	char path[WHO_PATH_MAX];
	struct stat st;
	int r;

	if (!known)
		return err_nomem(err);
	who_path(task, "ns/mnt", path);
	known->table.trust = TRUST_UNKNOWN;
	known->fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (known->fd >= 0 && fstat(known->fd, &st) == 0 && st.st_ino == key->ns)
		known->key = *key;
	if (known->fd >= 0)
		known->table.trust = trust_of(t, known->fd, dir, task);
	r = read_known_table(t, known, dir, task, err);
	if (r == 0)
		r = index_table(t, known, dir, task, err);
	if (r < 0)
		return r;
	known->next = t->known;
	t->known = known;
	*out = known;
	known = NULL;
	return 0;
}

/* Whether this is the namespace of process 1, and it has no view: then no root directory in it shows one. Most processes
 * are there, and users can have any number of different root directories there. */
static bool is_in_first(struct mount_tables *t, const struct table_key *key)
{
	if (t->first_ns == FIRST_NOT_READ) {
		CLEANUP(mount_table_free) struct mount_table table = {.trust = TRUST_YES};
		struct table_key first = key_of(dirfd(t->proc), "1");
		struct err ignored; /* then first_ns is unknown */
		int r = read_table(dirfd(t->proc), "1/mountinfo", false, &table, &ignored);

		t->first_ns = r < 0 || table.count ? 0 : first.ns;
	}
	return key->ns && key->ns == t->first_ns;
}

/* -- processes -- */

static int add_view(struct process_tables *p, struct mount_table *table, struct err *err)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->views[i] == table)
			return 0;
	if (ARRAY_GROW(p->views, p->count, err) < 0)
		return -ENOMEM;
	p->views[p->count++] = table;
	return 0;
}

static int read_task(struct mount_tables *t, const char *tid, struct err *err)
{
	struct process_tables *p = &t->process;
	struct known_table *known = NULL;
	struct table_key key;
	char task[32];
	int r = 0;

	snprintf(task, sizeof task, "task/%.20s", tid);
	key = key_of(p->dir, task);
	if (is_in_first(t, &key))
		return 0;
	known = find_table(t, &key);
	if (!known)
		r = new_table(t, p->dir, task, &key, &known, err);
	if (r < 0 || known->table.count == 0)
		return r;
	if (p->count == 0)
		memcpy(p->task, task, sizeof task);
	return add_view(p, &known->table, err);
}

/* The next thread of a task directory. NULL at the end, and with errno after an error: if threads were missed, a view in
 * use would look unused. */
static const char *next_thread(DIR *dir)
{
	struct dirent *d;

	do {
		errno = 0;
		d = readdir(dir);
	} while (d && !isdigit((unsigned char)d->d_name[0]));
	return d ? d->d_name : NULL;
}

/* All threads: the first can end before the others, and each can have its own namespace. */
static int read_tasks(struct mount_tables *t, struct err *err)
{
	AUTO_FD int fd = openat(t->process.dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *tasks = NULL;
	const char *tid;

	if (fd < 0)
		return is_gone(errno) ? 0 : err_sys(err, errno, "cannot list the threads");
	tasks = fdopendir(fd);
	if (!tasks)
		return err_nomem(err);
	fd = -1;
	while ((tid = next_thread(tasks))) {
		int r = read_task(t, tid, err);

		if (r < 0)
			return r;
	}
	return is_gone(errno) || errno == 0 ? 0 : err_sys(err, errno, "cannot list the threads");
}

/* 1, or 0 if the process has ended. */
static int read_process(struct mount_tables *t, const char *name, struct err *err)
{
	struct process_tables *p = &t->process;

	cleanup_fd(&p->dir);
	p->count = 0;
	p->pid = (pid_t)strtol(name, NULL, 10);
	p->dir = openat(dirfd(t->proc), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0 && is_gone(errno))
		return 0;
	p->failed = p->dir < 0 ? err_sys(err, errno, "cannot open its directory in /proc")
			       : read_tasks(t, err);
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
