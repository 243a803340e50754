#include "unpack/tree.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 40

static int by_node_path(const void *a, const void *b)
{
	return strcmp(((const struct tree_node *)a)->path, ((const struct tree_node *)b)->path);
}

static void free_node(void *p)
{
	struct tree_node *n = p;

	free(n->target);
	free(n->text);
	free(n);
}

void tree_free(struct tree *t)
{
	tdestroy(t->nodes, free_node);
	*t = (struct tree){0};
}

bool tree_normal(const char *name, char out[PATH_MAX])
{
	size_t used = 0;

	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && memcmp(name, "..", 2) == 0)
			return false;
		if (len > 0 && !(len == 1 && name[0] == '.')) {
			if (used + len + 2 > PATH_MAX)
				return false;
			if (used)
				out[used++] = '/';
			memcpy(out + used, name, len);
			used += len;
		}
		name += len + (name[len] == '/');
	}
	out[used] = '\0';
	return used > 0;
}

/* Whether something counts there or not. */
static struct tree_node *lookup(const struct tree *t, const char *path)
{
	const struct tree_node key = {.path = path};
	struct tree_node *const *found = tfind(&key, &t->nodes, by_node_path);

	return found ? *found : NULL;
}

static struct tree_node *node_at(struct unpack *u, struct tree *t, const char *path)
{
	struct tree_node *n = lookup(t, path);

	if (n)
		return n;
	if (t->count++ == TREE_MAX)
		unpack_fail(u, EFBIG, "", "the image has too many files");
	n = calloc(1, sizeof *n + strlen(path) + 1);
	if (!n)
		unpack_fail(u, EBADMSG, "", "out of memory");
	n->path = strcpy((char *)(n + 1), path);
	n->layer = n->whiteout = n->opaque = -1;
	if (!tsearch(n, &t->nodes, by_node_path)) {
		free(n);
		unpack_fail(u, EBADMSG, "", "out of memory");
	}
	return n;
}

/* Whether a later layer hides the path, or replaced a directory on the way to it. */
static bool is_hidden(const struct tree *t, int layer, const char *path)
{
	const struct tree_node *n = lookup(t, path);
	char dir[PATH_MAX];
	char *slash;

	if (n && n->whiteout > layer)
		return true;
	snprintf(dir, sizeof dir, "%s", path);
	while ((slash = strrchr(dir, '/'))) {
		*slash = '\0';
		n = lookup(t, dir);
		if (n && (n->whiteout > layer || n->opaque > layer ||
			  (n->layer > layer && n->type != AE_IFDIR)))
			return true;
	}
	return false;
}

/* A whiteout ".wh.NAME" hides NAME, and ".wh..wh..opq" what its directory had before. */
static bool add_whiteout(struct unpack *u, struct tree *t, int layer, char path[PATH_MAX])
{
	char *base = strrchr(path, '/');
	struct tree_node *n;

	base = base ? base + 1 : path;
	if (strncmp(base, ".wh.", 4) != 0)
		return false;
	if (strcmp(base, ".wh..wh..opq") == 0) {
		if (base == path)
			return true;
		base[-1] = '\0';
		n = node_at(u, t, path);
		n->opaque = n->opaque > layer ? n->opaque : layer;
		return true;
	}
	memmove(base, base + 4, strlen(base + 4) + 1);
	if (*base) {
		n = node_at(u, t, path);
		n->whiteout = n->whiteout > layer ? n->whiteout : layer;
	}
	return true;
}

bool tree_add(struct unpack *u, struct tree *t, int layer, struct archive_entry *e,
	      const char *name, struct tree_node **out)
{
	const char *target = archive_entry_hardlink(e);
	mode_t type = target ? 0 : archive_entry_filetype(e);
	char path[PATH_MAX], *copy = NULL;
	struct tree_node *n;

	if (!tree_normal(name, path) || add_whiteout(u, t, layer, path))
		return false;
	n = lookup(t, path);
	if ((n && n->layer > layer) || is_hidden(t, layer, path))
		return false;
	n = node_at(u, t, path);
	if (type == AE_IFLNK)
		target = archive_entry_symlink(e);
	if (target && !(copy = strdup(target)))
		unpack_fail(u, EBADMSG, "", "out of memory");
	free(n->target);
	free(n->text);
	n->target = copy;
	n->text = NULL;
	n->layer = layer;
	n->type = type;
	n->time = archive_entry_mtime(e);
	*out = n;
	return true;
}

struct tree_node *tree_find(const struct tree *t, const char *path)
{
	struct tree_node *n = lookup(t, path);

	return n && n->layer >= 0 ? n : NULL;
}

static void drop_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	else
		path[0] = '\0';
}

/* Appends the component at *rest to path, and moves *rest past it. False: the path is too long. */
static bool take_component(char path[PATH_MAX], const char **rest)
{
	size_t len = strcspn(*rest, "/"), used = strlen(path);

	if (len == 2 && memcmp(*rest, "..", 2) == 0) {
		drop_last(path);
	} else if (len > 1 || (len == 1 && **rest != '.')) {
		if (used + len + 2 > PATH_MAX)
			return false;
		snprintf(path + used, PATH_MAX - used, "%s%.*s", used ? "/" : "", (int)len, *rest);
	}
	*rest += len;
	*rest += strspn(*rest, "/");
	return true;
}

struct tree_node *tree_resolve(const struct tree *t, const char *path, bool follow)
{
	char at[PATH_MAX] = "", todo[2 * PATH_MAX], next[2 * PATH_MAX];
	const char *rest = todo;
	int links = 0;

	if (strlen(path) >= PATH_MAX)
		return NULL;
	snprintf(todo, sizeof todo, "%s", path + strspn(path, "/"));
	while (*rest) {
		const struct tree_node *n;

		if (!take_component(at, &rest))
			return NULL;
		n = tree_find(t, at);
		if (!n || n->type != AE_IFLNK || !n->target || (!*rest && !follow))
			continue;
		if (++links > LINKS_MAX || strlen(n->target) + strlen(rest) + 2 > sizeof next)
			return NULL;
		if (n->target[0] == '/')
			at[0] = '\0';
		else
			drop_last(at);
		snprintf(next, sizeof next, "%s/%s", n->target + strspn(n->target, "/"), rest);
		memcpy(todo, next, sizeof todo);
		rest = todo;
	}
	return tree_find(t, at);
}

struct tree_visitor {
	tree_visit_fn *visit;
	void *ctx;
};

static void visit_node(const void *node, VISIT which, void *ctx)
{
	const struct tree_node *n = *(struct tree_node *const *)node;
	const struct tree_visitor *w = ctx;

	if ((which == postorder || which == leaf) && n->layer >= 0)
		w->visit(n, w->ctx);
}

void tree_each(const struct tree *t, tree_visit_fn *visit, void *ctx)
{
	struct tree_visitor w = {visit, ctx};

	twalk_r(t->nodes, visit_node, &w);
}
