#include "view/compose.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void composition_free(struct composition *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->items[i].path);
		free(c->items[i].target);
	}
	free(c->items);
}

int composition_add(struct composition *c, const char *path, const char *target,
		    struct composed entry, struct err *err)
{
	if (ARRAY_GROW(c->items, c->count, err) < 0)
		return -ENOMEM;
	entry.path = strdup(path);
	entry.target = target ? strdup(target) : NULL;
	if (!entry.path || (target && !entry.target)) {
		free(entry.path);
		free(entry.target);
		return err_nomem(err);
	}
	c->items[c->count++] = entry;
	return 0;
}

void composition_prefer(struct composition *c, size_t first)
{
	for (size_t i = first; i < c->count; i++)
		c->items[i].rank += COMPOSE_PREFERRED;
}

/* -- the entries of a version -- */

bool compose_shows(const char *path)
{
	static const char *const hidden[] = {
		"/bin",
		"/sbin",
		"/usr/bin",
		"/usr/sbin",
		"/usr/games",
		"/etc",
		"/var",
		"/run",
		"/dev",
		"/proc",
		"/sys",
		"/tmp",
		"/boot",
		"/home",
		"/root",
		"/usr/share/doc",
		"/usr/share/man",
		"/usr/share/info",
		"/usr/share/lintian",
		"/usr/share/bug",
		"/usr/share/doc-base",
	};

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (path_below(path, hidden[i]))
			return false;
	return true;
}

bool compose_has_room(const char *path)
{
	static const char *const dirs[] = {"/usr/lib32", "/usr/libx32", "/lib32", "/libx32"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (path_below(path, dirs[i]))
			return access(dirs[i], F_OK) == 0;
	return true;
}

int compose_live_path(struct compose_dir *last, const char *path, char out[PATH_MAX],
		      struct err *err)
{
	char dir[PATH_MAX];

	path_dir(path, dir);
	if (strcmp(dir, last->dir) != 0) {
		int r = path_resolve(dir, last->found, NULL, err);

		if (r < 0)
			return r;
		memcpy(last->dir, dir, sizeof dir);
	}
	return path_join(last->found, path_base(path), out, err);
}

/* A link's target as the view needs it. A name in the same directory stays. Any other target is
 * resolved as on the system that the version was made for, and then on the live one:
 * "../../usr/lib/x" in /lib/y would lead elsewhere where /lib is a link. */
static int find_live_target(struct compose_dir *last, const struct entry *e, char out[PATH_MAX],
			    struct err *err)
{
	char dir[PATH_MAX], joined[2 * PATH_MAX], plain[PATH_MAX];
	int r;

	if (!strchr(e->target, '/')) {
		snprintf(out, PATH_MAX, "%s", e->target);
		return 0;
	}
	path_dir(e->path, dir);
	if (e->target[0] == '/')
		snprintf(joined, sizeof joined, "%s", e->target);
	else
		snprintf(joined, sizeof joined, "%s/%s", dir, e->target);
	r = path_normalise(joined, plain, err);
	if (r == 0)
		r = compose_live_path(last, plain, out, err);
	return r < 0 ? err_wrap(err, r, "the link %s", e->path) : 0;
}

static bool is_live_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Whether a link at path would hide a directory. Below /usr a live link to one is as good as the version's: another target
 * belongs to the version. */
static bool hides_live_dir(const char *path)
{
	struct stat st;

	if (!is_live_dir(path))
		return false;
	return !path_below(path, "/usr") || lstat(path, &st) < 0 || S_ISDIR(st.st_mode);
}

int compose_entry(struct composition *c, struct compose_dir *last, const struct version *from,
		  const struct entry *e, struct err *err)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct composed entry = {.from = from, .rank = COMPOSE_FILE};
	int r = compose_live_path(last, e->path, path, err);

	if (r < 0)
		return r;
	switch (e->type) {
	case ENTRY_DIR:
		if (is_live_dir(path))
			return 0;
		entry.entry.type = LAYER_DIR;
		entry.entry.time = e->time;
		return composition_add(c, path, NULL, entry, err);
	case ENTRY_LINK:
		if (hides_live_dir(path))
			return 0;
		r = find_live_target(last, e, target, err);
		if (r < 0)
			return r;
		entry.entry.type = LAYER_LINK;
		return composition_add(c, path, target, entry, err);
	case ENTRY_FILE:
		entry.entry.type = LAYER_FILE;
		entry.entry.mode = e->mode;
		entry.entry.time = e->time;
		entry.entry.content = e->content;
		return composition_add(c, path, NULL, entry, err);
	}
	return 0;
}

/* -- hiding -- */

/* The first of count entries that is at path or below it; NULL if there is none. */
static const struct composed *find_below(const struct composition *c, size_t count,
					 const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (path_below(c->items[i].path, path))
			return &c->items[i];
	return NULL;
}

int composition_hide_live(struct composition *c, const char *dir, struct err *err)
{
	const size_t count = c->count; /* whiteouts follow */
	const struct composed *one = find_below(c, count, dir);
	struct composed whiteout = {.from = one ? one->from : NULL, .entry.type = LAYER_WHITEOUT};
	AUTO_DIR DIR *d = one ? opendir(dir) : NULL;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && d && (entry = readdir(d))) {
		char path[PATH_MAX];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = path_join(dir, entry->d_name, path, err);
		if (r == 0 && !find_below(c, count, path))
			r = composition_add(c, path, NULL, whiteout, err);
	}
	return r;
}

/* -- one entry for each path -- */

/* The newest first, where versions have the same directory or file with different times. */
static int by_path_and_rank(const void *a, const void *b)
{
	const struct composed *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	if (order == 0)
		order = x->rank - y->rank;
	if (order == 0)
		order = (x->entry.time < y->entry.time) - (x->entry.time > y->entry.time);
	return order || !x->target || !y->target ? order : strcmp(x->target, y->target);
}

static bool composed_equal(const struct composed *a, const struct composed *b)
{
	if (a->entry.type != b->entry.type)
		return false;
	if (a->entry.type == LAYER_FILE)
		return a->entry.mode == b->entry.mode &&
		       digest_equal(&a->entry.content, &b->entry.content);
	return a->entry.type != LAYER_LINK || strcmp(a->target, b->target) == 0;
}

/* Of a library that a version has under several names, the first is as good: mesa's drivers are hard links with
 * one soname. */
static bool names_one_library(const struct composed *a, const struct composed *b)
{
	return a->from == b->from && a->entry.type == LAYER_LINK && b->entry.type == LAYER_LINK &&
	       a->rank != COMPOSE_FILE;
}

int composition_settle(struct composition *c, struct err *err)
{
	size_t kept = 0;

	if (c->count)
		qsort(c->items, c->count, sizeof *c->items, by_path_and_rank);
	for (size_t i = 0; i < c->count; i++) {
		struct composed *it = &c->items[i], *last = kept ? &c->items[kept - 1] : NULL;

		if (!last || strcmp(last->path, it->path) != 0) {
			struct composed moved = *it;

			*it = (struct composed){0};
			c->items[kept++] = moved;
			continue;
		}
		if (last->rank == it->rank && !composed_equal(last, it) &&
		    !names_one_library(last, it))
			return err_set(err, EEXIST,
				       "%s %s and %s %s both have the file %s: pin only one of "
				       "them",
				       last->from->name, last->from->version, it->from->name,
				       it->from->version, it->path);
		free(it->path);
		free(it->target);
		*it = (struct composed){0};
	}
	c->count = kept;
	return 0;
}
