#include "store/layer_verify.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/progress.h"
#include "store/layer_spec.h"
#include "store/root.h"
#include "store/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

struct layer_check {
	report_fn *report;
	void *ctx;
	int findings;
	const char *id;
	const struct layer_entry *entries;
	size_t n, cover;
	bool *seen;	     /* parallel to entries */
	char path[PATH_MAX]; /* of the directory being read, "" at a tree's top */
};

__attribute__((format(printf, 3, 4))) static void finding(struct layer_check *c, const char *path,
							  const char *fmt, ...)
{
	char text[1024], what[512], buf[TEXT_SHOWN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(text, sizeof text, "layer %s: %s %s", c->id, text_shown(path, buf), what);
	c->findings++;
	if (c->report)
		c->report(c->ctx, text);
}

static void check_mode(struct layer_check *c, const char *path, const struct stat *st, mode_t want)
{
	if ((st->st_mode & 07777) != want)
		finding(c, path, "has mode %04o, not %04o", (unsigned int)(st->st_mode & 07777),
			(unsigned int)want);
}

static void check_time(struct layer_check *c, const char *path, const struct stat *st, int64_t want)
{
	if (!layer_has_time(st, want))
		finding(c, path, "has the time %lld, not %lld", (long long)st->st_mtim.tv_sec,
			(long long)want);
}

static void check_file(struct layer_check *c, int dir, const char *name, const char *path,
		       const struct layer_entry *e)
{
	AUTO_FD int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct digest found;
	struct err err;

	if (fd < 0)
		finding(c, path, "cannot be opened: %s", strerror(errno));
	else if (digest_fd(fd, &found, &err) < 0)
		finding(c, path, "cannot be read: %s", err.text);
	else if (!digest_equal(&found, &e->content))
		finding(c, path, "is damaged: its content does not match .spec");
	progress_step(1);
}

static void check_link(struct layer_check *c, int dir, const char *name, const char *path,
		       const struct layer_entry *e)
{
	char target[PATH_MAX + 1], buf[TEXT_SHOWN];
	ssize_t n = readlinkat(dir, name, target, sizeof target - 1);

	target[n > 0 ? n : 0] = '\0';
	if (strcmp(target, e->target) != 0)
		finding(c, path, "points to %s", text_shown(target, buf));
}

static void check_entry(struct layer_check *c, int dir, const char *name, const char *path,
			const struct stat *st, const struct layer_entry *e)
{
	static const mode_t types[] = {
		[LAYER_DIR] = S_IFDIR,
		[LAYER_FILE] = S_IFREG,
		[LAYER_LINK] = S_IFLNK,
		[LAYER_WHITEOUT] = S_IFCHR,
	};

	c->seen[e - c->entries] = true;
	if (e->type == LAYER_WHITEOUT && S_ISLNK(st->st_mode)) {
		check_link(c, dir, name, path, &(struct layer_entry){.target = PINLIB_HIDDEN});
		return;
	}
	if ((st->st_mode & S_IFMT) != types[e->type] ||
	    (e->type == LAYER_WHITEOUT && st->st_rdev != 0)) {
		finding(c, path, "is not of the type in .spec");
	} else if (e->type == LAYER_FILE) {
		check_mode(c, path, st, e->mode);
		check_time(c, path, st, e->time);
		check_file(c, dir, name, path, e);
	} else if (e->type == LAYER_LINK) {
		check_link(c, dir, name, path, e);
	}
}

static const struct layer_entry *find_entry(const struct layer_check *c, const char *path)
{
	struct layer_entry key = {.cover = c->cover, .path = path};

	return c->n ? bsearch(&key, c->entries, c->n, sizeof key, layer_order) : NULL;
}

/* Compares a path with the beginning of an entry's. */
static int compare_start(const void *key, const void *item)
{
	const struct layer_entry *start = key, *e = item;

	if (start->cover != e->cover)
		return start->cover < e->cover ? -1 : 1;
	return strncmp(start->path, e->path, strlen(start->path));
}

/* Whether a directory without an entry is the parent of one. */
static bool is_parent(const struct layer_check *c, const char *path)
{
	char below[PATH_MAX + 1];
	struct layer_entry key = {.cover = c->cover, .path = below};

	snprintf(below, sizeof below, "%s/", path);
	return c->n && bsearch(&key, c->entries, c->n, sizeof key, compare_start);
}

static each_name_fn visit;

static int check_dir(struct layer_check *c, int dir, const char *name, const char *path,
		     struct err *err)
{
	char outer[PATH_MAX];
	AUTO_FD int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0) {
		finding(c, path, "cannot be opened: %s", strerror(errno));
		return 0;
	}
	memcpy(outer, c->path, sizeof outer);
	snprintf(c->path, sizeof c->path, "%s", path);
	r = file_each_name(fd, visit, c, err);
	memcpy(c->path, outer, sizeof outer);
	return r;
}

static int visit(void *ctx, int dir, const char *name, struct err *err)
{
	struct layer_check *c = ctx;
	const struct layer_entry *e;
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s%s%s", c->path, c->path[0] ? "/" : "", name);

	if (n < 0 || n >= PATH_MAX) {
		finding(c, c->path, "holds a path that is too long");
		return 0;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		finding(c, path, "cannot be read: %s", strerror(errno));
		return 0;
	}
	if (geteuid() == 0 && st.st_uid != 0)
		finding(c, path, "does not belong to root");
	e = find_entry(c, path);
	if (e)
		check_entry(c, dir, name, path, &st, e);
	if (!e && !(S_ISDIR(st.st_mode) && is_parent(c, path))) {
		finding(c, path, "is not in .spec");
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	check_mode(c, path, &st, 0755);
	check_time(c, path, &st, e ? e->time : LAYER_NO_TIME);
	return check_dir(c, dir, name, path, err);
}

/* Checks one tree of the layer, or reports a name that does not belong beside the trees. */
static int visit_cover(void *ctx, int dir, const char *name, struct err *err)
{
	struct layer_check *c = ctx;
	size_t covers = layer_covers(c->entries, c->n), len = strlen(name);
	struct stat st;

	if (strcmp(name, LAYER_SPEC) == 0 || strcmp(name, LAYER_UNNEEDED) == 0)
		return 0;
	c->cover = strtoul(name, NULL, 10);
	if (len == 0 || len > 9 || strspn(name, "0123456789") != len ||
	    (len > 1 && name[0] == '0') || c->cover >= covers) {
		finding(c, name, "is not in .spec");
		return 0;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		check_mode(c, name, &st, 0755);
		check_time(c, name, &st, LAYER_NO_TIME);
	}
	c->path[0] = '\0';
	return check_dir(c, dir, name, "", err);
}

static void report_unseen(struct layer_check *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->seen[i])
			finding(c, c->entries[i].path, "is missing");
}

static int check_trees(struct layer_check *c, int dir, struct err *err)
{
	int r;

	c->seen = calloc(c->n + 1, sizeof *c->seen);
	if (!c->seen)
		return err_nomem(err);
	r = file_each_name(dir, visit_cover, c, err);
	if (r == 0)
		report_unseen(c);
	free(c->seen);
	c->seen = NULL;
	return r;
}

/* Reads .spec and checks it against the layer's name. Reports the finding if it is damaged. */
static int read_spec(struct layer_check *c, int dir, char **text, struct layer_entry **entries,
		     size_t *n, struct err *err)
{
	char id[LAYER_ID];
	size_t len = 0;
	int r = file_read_at(dir, LAYER_SPEC, LAYER_SPEC_MAX, text, &len, err);

	if (r == 0)
		r = layer_id(*text, len, id, err);
	if (r == 0 && strcmp(id, c->id) != 0)
		r = err_set(err, EBADMSG, "does not match the layer's name");
	if (r == 0)
		r = layer_parse(*text, len, entries, n, err);
	if (r < 0)
		finding(c, LAYER_SPEC, "is damaged: %s", err->text);
	return r;
}

static int visit_layer(void *ctx, int root, const char *name, struct err *err)
{
	struct layer_check *c = ctx;
	AUTO_FREE char *text = NULL;
	AUTO_FREE struct layer_entry *entries = NULL;
	AUTO_FD int dir = -1;

	if (strncmp(name, LAYER_TEMP, strlen(LAYER_TEMP)) == 0 ||
	    strncmp(name, LAYER_DAMAGED, strlen(LAYER_DAMAGED)) == 0)
		return 0; /* layer_gc removes it */
	c->id = name;
	if (!layer_is_id(name)) {
		finding(c, name, "is not a layer's name");
		return 0;
	}
	dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0) {
		finding(c, name, "cannot be opened: %s", strerror(errno));
		return 0;
	}
	if (read_spec(c, dir, &text, &entries, &c->n, err) < 0)
		return 0;
	c->entries = entries;
	return check_trees(c, dir, err);
}

int layer_check(int root, const char *id, report_fn *report, void *ctx, struct err *err)
{
	AUTO_FREE struct layer_check *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return err_nomem(err);
	c->report = report;
	c->ctx = ctx;
	r = visit_layer(c, root, id, err);
	return r < 0 ? r : c->findings;
}

int layer_verify(const char *root, report_fn *report, void *ctx, struct err *err)
{
	AUTO_FREE struct layer_check *c = calloc(1, sizeof *c);
	AUTO_FD int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (!c)
		return err_nomem(err);
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open %s", root);
	c->report = report;
	c->ctx = ctx;
	progress_begin("comparing the files of layers", PROGRESS_ITEMS, 0);
	r = file_each_name(dir, visit_layer, c, err);
	progress_end();
	return r < 0 ? err_wrap(err, r, "cannot verify the layers in %s", root) : c->findings;
}
