#include "base/sysroot.h"

#include "base/path.h"
#include "base/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

bool sysroot_is_live(const struct sysroot *sysroot)
{
	return !sysroot || (sysroot->ncovers == 0 && !sysroot->app && !sysroot->objects);
}

static int join_path(const char *dir, const char *name, char out[PATH_MAX])
{
	struct err ignored;

	return path_join(dir, name, out, &ignored);
}

/* -- one canonical path -- */

/* Or a link that stands for one. */
static bool is_whiteout(const char *file, const struct stat *st)
{
	char target[sizeof PINLIB_HIDDEN];
	ssize_t n = S_ISLNK(st->st_mode) ? readlink(file, target, sizeof target) : -1;

	return (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0)) ||
	       (n == (ssize_t)strlen(PINLIB_HIDDEN) &&
		memcmp(target, PINLIB_HIDDEN, (size_t)n) == 0);
}

/* Looks for at->path in a cover: 1, and the file, if the cover decides; 0 if it does not. */
static int look_in_cover(const struct cover *cover, struct resolved *at)
{
	size_t len = strcmp(cover->target, "/") == 0 ? 0 : strlen(cover->target);

	if (strncmp(at->path, cover->target, len) != 0 || at->path[len] != '/' ||
	    !at->path[len + 1])
		return 0;
	if (join_path(cover->layer, at->path + len + 1, at->file) < 0)
		return -ENAMETOOLONG;
	if (lstat(at->file, &at->st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (is_whiteout(at->file, &at->st))
		return -ENOENT;
	at->layer = cover->layer;
	return 1;
}

/* Whether the path is a directory on the way to the app: the live system need not have it. */
static bool leads_to_app(const struct sysroot *sysroot, const char *path)
{
	return sysroot->app && path_below(sysroot->app, path);
}

/* lstat(2) of at->path in the view; fills the other fields. */
static int look_up(const struct sysroot *sysroot, struct resolved *at)
{
	at->layer = at->app = NULL;
	if (sysroot->app && strcmp(at->path, sysroot->app) == 0) {
		at->app = sysroot->app;
		snprintf(at->file, PATH_MAX, "%s", sysroot->real);
		return stat(at->file, &at->st) < 0 ? -errno : 0;
	}
	for (size_t i = sysroot->ncovers; i-- > 0;) {
		int r = look_in_cover(&sysroot->covers[i], at);

		if (r != 0)
			return r < 0 ? r : 0;
	}
	strcpy(at->file, at->path);
	if (sysroot->objects && path_below(at->path, sysroot->objects))
		at->layer = sysroot->objects;
	if (lstat(at->file, &at->st) == 0)
		return 0;
	if (errno != ENOENT || !leads_to_app(sysroot, at->path))
		return -errno;
	at->st = (struct stat){.st_mode = S_IFDIR | 0755};
	return 0;
}

/* -- the walk -- */

struct sysroot_walk {
	const struct sysroot *sysroot;
	int links;
	char rest[2 * PATH_MAX]; /* the components that are still to be resolved */
};

static void pop_name(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	slash[slash == path] = '\0';
}

/* Puts a link's target before the rest of the path. */
static int follow_link(struct sysroot_walk *w, struct resolved *at)
{
	char target[PATH_MAX], rest[sizeof w->rest];
	ssize_t n = readlink(at->file, target, sizeof target - 1);
	int len;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->links > PATH_LINKS_MAX)
		return -ELOOP;
	if (target[0] == '/')
		strcpy(at->path, "/");
	else
		pop_name(at->path);
	strcpy(rest, w->rest);
	len = snprintf(w->rest, sizeof w->rest, "%s/%s", target, rest);
	return len < 0 || (size_t)len >= sizeof w->rest ? -ENAMETOOLONG : 0;
}

/* Resolves one component. */
static int walk_step(struct sysroot_walk *w, struct resolved *at)
{
	char name[NAME_MAX + 1], parent[PATH_MAX];
	size_t len = strcspn(w->rest, "/");
	int r;

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, w->rest, len);
	name[len] = '\0';
	memmove(w->rest, w->rest + len, strlen(w->rest + len) + 1);
	len = strspn(w->rest, "/");
	memmove(w->rest, w->rest + len, strlen(w->rest + len) + 1);
	if (!S_ISDIR(at->st.st_mode))
		return -ENOTDIR;
	if (!*name || strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		pop_name(at->path);
		return look_up(w->sysroot, at);
	}
	strcpy(parent, at->path);
	r = join_path(parent, name, at->path);
	if (r == 0)
		r = look_up(w->sysroot, at);
	if (r < 0 || !S_ISLNK(at->st.st_mode))
		return r;
	r = follow_link(w, at);
	return r == 0 ? look_up(w->sysroot, at) : r;
}

/* Resolves the rest of the path. */
static int walk_rest(struct sysroot_walk *w, struct resolved *at)
{
	int r = 0;

	/* A '/' at the end requires a directory: the empty name after it checks for one. */
	while (r == 0 && *w->rest)
		r = walk_step(w, at);
	return r;
}

/* rest is not cleared: that would take longer than the walk. */
static void walk_begin(struct sysroot_walk *w, const struct sysroot *sysroot)
{
	static const struct sysroot live;

	w->sysroot = sysroot ? sysroot : &live;
	w->links = 0;
}

static int walk_path(const struct sysroot *sysroot, const char *path, struct resolved *out)
{
	struct sysroot_walk w;
	char here[PATH_MAX];
	int n, r;

	if (!*path)
		return -ENOENT;
	walk_begin(&w, sysroot);
	here[0] = '\0';
	if (path[0] != '/' && !getcwd(here, sizeof here))
		return -errno;
	n = snprintf(w.rest, sizeof w.rest, "%s/%s", here, path);
	if (n < 0 || n >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(out->path, "/");
	r = look_up(w.sysroot, out);
	return r == 0 ? walk_rest(&w, out) : r;
}

int sysroot_resolve(const struct sysroot *sysroot, const char *path, struct resolved *out)
{
	if (!sysroot_is_live(sysroot))
		return walk_path(sysroot, path, out);
	out->layer = out->app = NULL;
	if (!realpath(path, out->path) || stat(out->path, &out->st) < 0)
		return -errno;
	memcpy(out->file, out->path, sizeof out->file);
	return 0;
}

int sysroot_resolve_in(const struct sysroot *sysroot, const char *dir, const char *name,
		       struct resolved *out)
{
	struct sysroot_walk w;

	if (strlen(dir) >= PATH_MAX || strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	walk_begin(&w, sysroot);
	strcpy(out->path, dir);
	strcpy(w.rest, name);
	out->st = (struct stat){.st_mode = S_IFDIR};
	return walk_rest(&w, out);
}

int sysroot_open(const struct sysroot *sysroot, const char *path, struct stat *st,
		 const char **layer)
{
	struct resolved at;
	const char *file = path;
	int fd, r;

	if (layer)
		*layer = NULL;
	if (!sysroot_is_live(sysroot)) {
		r = sysroot_resolve(sysroot, path, &at);
		if (r < 0)
			return r;
		file = at.file;
		if (layer)
			*layer = at.layer;
	}
	fd = open(file, OPEN_FLAGS);
	if (fd < 0)
		return -errno;
	if (fstat(fd, st) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}
