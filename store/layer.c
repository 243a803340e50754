#include "store/layer.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"
#include "store/layer_verify.h"
#include "store/object.h"
#include "store/origin.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

/* The directory path below dir, made with its parents; the caller closes it. */
static int make_dirs(int dir, const char *path, struct err *err)
{
	char rest[PATH_MAX], *at = rest, *name;
	AUTO_FD int fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	int out;

	snprintf(rest, sizeof rest, "%s", path);
	while (fd >= 0 && (name = strsep(&at, "/"))) {
		bool made = mkdirat(fd, name, 0755) == 0;
		int below;

		if (!made && errno != EEXIST)
			return err_sys(err, errno, "cannot create the directory %s", path);
		below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0 && made && fchmod(below, 0755) < 0) { /* the umask */
			close(below);
			below = -1;
		}
		if (below < 0)
			return err_sys(err, errno, "cannot open the directory %s", path);
		close(fd);
		fd = below;
	}
	if (fd < 0)
		return err_sys(err, errno, "cannot open the directory %s", path);
	out = fd;
	fd = -1;
	return out;
}

static bool has_content(const struct version *v, const struct digest *content)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_FILE &&
		    digest_equal(&v->entries[i].content, content))
			return true;
	return false;
}

/* The error says how to restore the first version that has the object. */
static int object_damaged(struct store *store, const struct layer_entry *e, const char *why,
			  struct err *err)
{
	char hex[DIGEST_HEX], how[ORIGIN_RESTORE_MAX] = "add its version again to restore it";
	AUTO_VERSIONS struct versions all = {0};
	size_t i = 0;

	digest_hex(&e->content, hex);
	store_list(store, &all, err);
	while (i < all.count && !has_content(&all.items[i], &e->content))
		i++;
	if (i < all.count)
		origin_restore(store, &all.items[i].digest, how);
	return err_set(err, EBADMSG, "the object %s %s; %s", hex, why, how);
}

/* Hashes fd from its start, and copies it to out unless out is -1. */
static int check_content(struct store *store, const struct layer_entry *e, int fd, int out,
			 struct err *err)
{
	CLEANUP(digest_abandon) struct digest_stream *s = digest_begin();
	char buf[64 * 1024];
	struct digest found;
	ssize_t n;
	int r = 0;

	if (!s)
		return err_nomem(err);
	for (off_t at = 0; (n = file_read_part(fd, buf, sizeof buf, at, err)) > 0; at += n) {
		r = digest_update(s, buf, (size_t)n, err);
		if (r == 0 && out >= 0)
			r = file_write(out, buf, (size_t)n, err);
		if (r < 0)
			return r;
	}
	if (n < 0)
		return err_wrap(err, (int)n, "an object of the store");
	r = digest_end(&s, &found, err);
	if (r < 0)
		return r;
	return digest_equal(&e->content, &found)
		       ? 0
		       : object_damaged(store, e, "is damaged: its content does not match its name",
					err);
}

/* Makes a file with the object's content, which shares its blocks where the file system can. */
static int copy_object(struct store *store, const struct layer_entry *e, int object, int dir,
		       const char *name, struct err *err)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = e->time}};
	AUTO_FD int fd =
		openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot create a file");
	if (ioctl(fd, FICLONE, object) == 0)
		r = check_content(store, e, fd, -1, err);
	else
		r = check_content(store, e, object, fd, err);
	if (r < 0)
		return r;
	if (fchmod(fd, e->mode) < 0 || futimens(fd, times) < 0)
		return err_sys(err, errno, "cannot set a file's mode and time");
	return 0;
}

/* 1: the object cannot be linked here, or has another time, and must be copied. A link shares the
 * object's mode and owner, so these have to be right. */
static int link_object(struct store *store, const struct layer_entry *e, int object, int dir,
		       const char *name, struct err *err)
{
	char path[OBJECT_PATH];
	struct stat st, linked;

	if (fstat(object, &st) < 0)
		return err_sys(err, errno, "cannot stat an object");
	if ((st.st_mode & 07777) != 0644 || st.st_uid != geteuid())
		return object_damaged(
			store, e, "does not have the owner and mode that the store gave it", err);
	if (!layer_has_time(&st, e->time))
		return 1;
	object_path(&e->content, path);
	if (linkat(store->objects, path, dir, name, 0) < 0) {
		if (errno == EMLINK || errno == EXDEV || errno == EPERM)
			return 1;
		return err_sys(err, errno, "cannot link an object");
	}
	if (fstatat(dir, name, &linked, AT_SYMLINK_NOFOLLOW) < 0 || linked.st_ino != st.st_ino ||
	    linked.st_dev != st.st_dev)
		return object_damaged(store, e, "changed while it was read", err);
	return check_content(store, e, object, -1, err);
}

static int put_file(struct store *store, const struct layer_entry *e, int dir, const char *name,
		    bool link, struct err *err)
{
	AUTO_FD int object = object_open(store, &e->content, err);
	int r = 1;

	if (object == -ENOENT)
		return object_damaged(store, e, "is missing", err);
	if (object < 0)
		return object;
	if (link && e->mode == 0644)
		r = link_object(store, e, object, dir, name, err);
	return r == 1 ? copy_object(store, e, object, dir, name, err) : r;
}

/* An overlay refuses whiteouts, since they would hide files of its own. A link that leads nowhere hides a name from every
 * loader, too. */
static int hide(int dir, const char *name, struct err *err)
{
	if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) == 0 ||
	    (errno == EPERM && symlinkat(PINLIB_HIDDEN, dir, name) == 0))
		return 0;
	return err_sys(err, errno, "cannot create a whiteout");
}

static int put_entry(struct store *store, int tree, const struct layer_entry *e, bool link,
		     struct err *err)
{
	const char *slash = strrchr(e->path, '/'), *name = slash ? slash + 1 : e->path;
	char parent[PATH_MAX];
	AUTO_FD int dir = -1;

	if (e->type == LAYER_DIR) {
		dir = make_dirs(tree, e->path, err);
		return dir < 0 ? dir : 0;
	}
	snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - e->path) : 0, e->path);
	dir = slash ? make_dirs(tree, parent, err) : fcntl(tree, F_DUPFD_CLOEXEC, 3);
	if (dir < 0)
		return slash ? dir : err_sys(err, errno, "cannot open a layer's tree");
	if (e->type == LAYER_FILE)
		return put_file(store, e, dir, name, link, err);
	if (e->type == LAYER_LINK)
		return symlinkat(e->target, dir, name) < 0
			       ? err_sys(err, errno, "cannot create a link")
			       : 0;
	return hide(dir, name, err);
}

/* Sets the time of the directory that the first len bytes of e's path name; 0: its tree. */
static int set_dir_time(int dir, const struct layer_entry *e, size_t len, int64_t time,
			struct err *err)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time}};
	char path[PATH_MAX + 24];

	snprintf(path, sizeof path, "%zu/%.*s", e->cover, (int)len, e->path);
	if (utimensat(dir, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot set the time of the directory %s", path);
	return 0;
}

/* Whether the first len bytes of e's path also name a directory above the entry before it. */
static bool is_above(const struct layer_entry *before, const struct layer_entry *e, size_t len)
{
	return before->cover == e->cover && strncmp(before->path, e->path, len) == 0 &&
	       (len == 0 || before->path[len] == '/');
}

static int set_parent_times(int dir, const struct layer_entry *e, const struct layer_entry *before,
			    struct err *err)
{
	const char *slash = e->path;
	size_t len = 0;
	int r = 0;

	while (r == 0 && slash) {
		if (!before || !is_above(before, e, len))
			r = set_dir_time(dir, e, len, LAYER_NO_TIME, err);
		slash = strchr(e->path + len + (len > 0), '/');
		len = slash ? (size_t)(slash - e->path) : 0;
	}
	return r;
}

/* After all files are there, as each one changes its directory's time. */
static int set_dir_times(int dir, const struct layer_entry *entries, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = set_parent_times(dir, &entries[i], i ? &entries[i - 1] : NULL, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (entries[i].type == LAYER_DIR)
			r = set_dir_time(dir, &entries[i], strlen(entries[i].path), entries[i].time,
					 err);
	return r;
}

static int fill_trees(struct store *store, int dir, const struct layer_entry *entries, size_t n,
		      bool link, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		char cover[24];
		AUTO_FD int tree = -1;
		int r;

		snprintf(cover, sizeof cover, "%zu", entries[i].cover);
		tree = make_dirs(dir, cover, err);
		if (tree < 0)
			return tree;
		r = put_entry(store, tree, &entries[i], link, err);
		if (r < 0)
			return err_wrap(err, r, "%s", entries[i].path);
	}
	return set_dir_times(dir, entries, n, err);
}

/* 1: the layer exists and is whole; 0: it does not exist; 2: it is damaged. */
static int find_layer(struct store *store, int root, const char *id, const char *text, size_t len,
		      struct err *err)
{
	char path[LAYER_ID + sizeof LAYER_SPEC];
	AUTO_FREE char *found = NULL;
	size_t found_len = 0;
	struct stat st;
	int r;

	if (fstatat(root, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot stat it");
	snprintf(path, sizeof path, "%s/" LAYER_SPEC, id);
	r = file_read_at(root, path, LAYER_SPEC_MAX, &found, &found_len, err);
	if (r < 0 && r != -ENOENT && r != -EFBIG && r != -EINVAL)
		return r;
	if (r < 0 || found_len != len || memcmp(found, text, len) != 0)
		return 2;
	if (strcmp(store->whole, id) == 0)
		return 1;
	r = layer_check(root, id, NULL, NULL, err);
	if (r == 0)
		snprintf(store->whole, sizeof store->whole, "%s", id);
	return r < 0 ? r : r > 0 ? 2 : 1;
}

struct layer_build {
	struct store *store;
	int root;
	const struct layer_entry *entries;
	size_t n;
	const char *text; /* of .spec */
	size_t len;
	const char *id;
	bool replace;
};

static int build_in(const struct layer_build *b, const char *temp, struct err *err)
{
	AUTO_FD int dir = make_dirs(b->root, temp, err);
	int r;

	if (dir < 0)
		return dir;
	r = fill_trees(b->store, dir, b->entries, b->n, true, err);
	if (r == 0)
		r = file_create(dir, LAYER_SPEC, b->text, b->len, 0644, err);
	if (r < 0)
		return r;
	if (syncfs(dir) < 0)
		return err_sys(err, errno, "cannot sync it");
	/* Takes the place of a damaged layer in one step, which then has the temporary name. */
	if (renameat2(b->root, temp, b->root, b->id,
		      b->replace ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0)
		return err_sys(err, errno, "cannot rename it into place");
	if (fsync(b->root) < 0)
		return err_sys(err, errno, "cannot sync the layers");
	return 0;
}

static int build_layer(const struct layer_build *b, struct err *err)
{
	char prefix[LAYER_ID + 16] = LAYER_TEMP, temp[64 + LAYER_ID];
	struct err ignored;
	int r;

	/* Running views may need the replaced layer: layer_gc removes it when they have ended. */
	if (b->replace)
		snprintf(prefix, sizeof prefix, LAYER_DAMAGED "%s-", b->id);
	r = file_temp_name(prefix, temp, sizeof temp, err);
	if (r < 0)
		return r;
	r = build_in(b, temp, err);
	if (r < 0 || !b->replace)
		file_remove_tree(b->root, temp, &ignored); /* gone already after success */
	return r;
}

/* Takes back an earlier gc's mark. */
static int layer_is_needed(int root, const char *id, struct err *err)
{
	char path[LAYER_ID + sizeof LAYER_UNNEEDED];

	snprintf(path, sizeof path, "%s/" LAYER_UNNEEDED, id);
	if (unlinkat(root, path, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", path);
	return 0;
}

/* Uses a layer that exists. */
static int take_up(int root, const char *id, struct err *err)
{
	int r = layer_is_needed(root, id, err);

	/* Its builder may have been killed before syncing. */
	if (r == 0 && fsync(root) < 0)
		r = err_sys(err, errno, "cannot sync the layers");
	return r;
}

int layer_build(struct store *store, const char *root, struct layer_entry *entries, size_t n,
		char id[LAYER_ID], struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	AUTO_FD int dir = -1;
	int r = layer_describe(entries, &n, &text, &len, id, err);

	if (r == 0)
		r = file_mkdirs(root, err);
	if (r < 0)
		return r;
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, errno, "cannot open %s", root);
	r = find_layer(store, dir, id, text, len, err);
	if (r == 1)
		r = take_up(dir, id, err);
	else if (r >= 0)
		r = build_layer(
			&(struct layer_build){store, dir, entries, n, text, len, id, r == 2}, err);
	return r < 0 ? err_wrap(err, r, "cannot build the layer %s/%s", root, id) : 0;
}

int layer_name(struct layer_entry *entries, size_t n, char id[LAYER_ID], struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;

	return layer_describe(entries, &n, &text, &len, id, err);
}

int layer_copy(struct store *store, int dir, const struct layer_entry *entries, size_t n,
	       struct err *err)
{
	return fill_trees(store, dir, entries, n, false, err);
}

struct collect {
	const struct layer_keep *keep;
	struct layers_gone *gone;
	bool dry_run;
};

static bool is_kept(const struct collect *c, const char *id)
{
	for (size_t i = 0; i < c->keep->count; i++)
		if (strcmp(c->keep->ids[i], id) == 0)
			return true;
	return false;
}

/* Renames the layer first, so that an interrupted removal leaves no half of it under its name. */
static int remove_layer(int dir, const char *id, struct err *err)
{
	char temp[64];
	int r = file_temp_name(LAYER_TEMP, temp, sizeof temp, err);

	if (r < 0)
		return r;
	if (renameat(dir, id, dir, temp) < 0 || fsync(dir) < 0)
		return err_sys(err, errno, "cannot remove the layer %s", id);
	return file_remove_tree(dir, temp, err);
}

/* Whether the layer has been unneeded for so long that no launch can still mount it. Marks it as
 * unneeded, if it is not yet. After a clock was set back, the time begins anew. */
static int is_long_unneeded(int dir, const char *id, struct err *err)
{
	char path[LAYER_ID + sizeof LAYER_UNNEEDED];
	time_t now = time(NULL);
	AUTO_FD int fd = -1;
	struct stat st;

	snprintf(path, sizeof path, "%s/" LAYER_UNNEEDED, id);
	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime <= now)
		return now - st.st_mtime >= LAYER_HOLD;
	fd = openat(dir, path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || futimens(fd, NULL) < 0)
		return err_sys(err, errno, "cannot mark %s", path);
	return 0;
}

/* A replaced layer is kept while a view that may have mounted it runs. */
static int collect_damaged(const struct collect *c, int dir, const char *name, struct err *err)
{
	const char *id = name + strlen(LAYER_DAMAGED);

	if (c->keep->launching || c->dry_run)
		return 0;
	for (size_t i = c->keep->planned; i < c->keep->count; i++)
		if (strncmp(c->keep->ids[i], id, LAYER_ID - 1) == 0)
			return 0;
	return file_remove_tree(dir, name, err);
}

static int collect(void *ctx, int dir, const char *name, struct err *err)
{
	struct collect *c = ctx;
	int r = 1;

	if (strncmp(name, LAYER_TEMP, strlen(LAYER_TEMP)) == 0)
		return c->dry_run ? 0 : file_remove_tree(dir, name, err);
	if (strncmp(name, LAYER_DAMAGED, strlen(LAYER_DAMAGED)) == 0)
		return collect_damaged(c, dir, name, err);
	if (!layer_is_id(name))
		return 0;
	if (is_kept(c, name))
		return c->dry_run ? 0 : layer_is_needed(dir, name, err);
	if (c->keep->launching)
		r = c->dry_run ? 0 : is_long_unneeded(dir, name, err);
	if (r < 0)
		return r;
	if (r == 0) {
		c->gone->held++;
		return 0;
	}
	c->gone->removed++;
	return c->dry_run ? 0 : remove_layer(dir, name, err);
}

int layer_gc(const char *root, const struct layer_keep *keep, bool dry_run,
	     struct layers_gone *gone, struct err *err)
{
	struct collect c = {keep, gone, dry_run};
	AUTO_FD int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	*gone = (struct layers_gone){0};
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open %s", root);
	r = file_each_name(dir, collect, &c, err);
	return r < 0 ? err_wrap(err, r, "cannot remove unneeded layers in %s", root) : 0;
}
