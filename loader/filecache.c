#include "loader/filecache.h"

#include "base/cleanup.h"
#include "base/intern.h"
#include "base/path.h"
#include "plan/stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define LINKS_MAX 8 /* links to names beside them; the kernel follows longer chains */

/* A name: what it leads to as a path, and whether it is a directory. */
struct cached_name {
	struct cached_path *path;
	bool dir_known, is_dir, noexec;
	char *canonical, *outside; /* outside NULL: the same as canonical */
	struct cache_entry *expected;
};

/* A file, and its reading until the answer is there. */
struct cache_entry {
	struct cached_file file;
	struct file_reading reading; /* fd -1: done */
	struct stat st;
};

struct filecache {
	const struct sysroot *sysroot;
	struct readers *readers;
	struct intern strings;
	struct cached_name *names; /* by their numbers */
	size_t nnames;
	struct cache_entry **files; /* by device and inode; open addressing */
	size_t nfiles, files_room;
};

int filecache_new(const struct sysroot *sysroot, struct filecache **out, struct err *err)
{
	struct filecache *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return err_nomem(err);
	r = readers_new(&c->readers, err);
	if (r < 0) {
		free(c);
		return r;
	}
	c->sysroot = sysroot;
	intern_begin(&c->strings);
	*out = c;
	return 0;
}

static void entry_free(struct cache_entry *e)
{
	if (!e)
		return;
	elf_info_clear(&e->file.info);
	free(e->file.needs);
	free(e->file.verneed_files);
	cleanup_fd(&e->reading.fd);
	free(e);
}

void filecache_free(struct filecache **cache)
{
	struct filecache *c = *cache;

	if (!c)
		return;
	readers_free(&c->readers);
	for (size_t i = 0; i < c->nnames; i++) {
		free(c->names[i].path);
		free(c->names[i].canonical);
		free(c->names[i].outside);
	}
	free(c->names);
	for (size_t i = 0; i < c->files_room; i++)
		entry_free(c->files[i]);
	free(c->files);
	intern_free(&c->strings);
	free(c);
	*cache = NULL;
}

const struct sysroot *filecache_sysroot(const struct filecache *cache)
{
	return cache->sysroot;
}

struct readers *filecache_readers(struct filecache *cache)
{
	return cache->readers;
}

/* -- names -- */

int filecache_number(struct filecache *cache, const char *string, size_t *number, struct err *err)
{
	int r = intern_add(&cache->strings, string, number, err);

	if (r == 0 && *number >= cache->nnames) {
		size_t want = cache->nnames ? 2 * cache->nnames : 1024;
		struct cached_name *more = reallocarray(cache->names, want, sizeof *more);

		if (!more)
			return err_nomem(err);
		memset(more + cache->nnames, 0, (want - cache->nnames) * sizeof *more);
		cache->names = more;
		cache->nnames = want;
	}
	return r;
}

const char *filecache_string(const struct filecache *cache, size_t number)
{
	return cache->strings.items[number];
}

int filecache_text(struct filecache *cache, const char *string, const char **out, struct err *err)
{
	size_t number;
	int r = filecache_number(cache, string, &number, err);

	if (r == 0)
		*out = cache->strings.items[number];
	return r;
}

/* -- files -- */

static struct cache_entry **entry_place(const struct filecache *cache, dev_t dev, ino_t ino)
{
	size_t mask = cache->files_room - 1;
	size_t i = (size_t)intern_mix(&cache->strings, (uint64_t)ino + (uint64_t)dev) & mask;

	while (cache->files[i] &&
	       (cache->files[i]->file.dev != dev || cache->files[i]->file.ino != ino))
		i = (i + 1) & mask;
	return &cache->files[i];
}

static int grow_files(struct filecache *cache, struct err *err)
{
	struct cache_entry **old = cache->files;
	size_t had = cache->files_room;

	if (2 * (cache->nfiles + 1) <= had)
		return 0;
	cache->files = calloc(had ? 2 * had : 1024, sizeof *cache->files);
	if (!cache->files) {
		cache->files = old;
		return err_nomem(err);
	}
	cache->files_room = had ? 2 * had : 1024;
	for (size_t i = 0; i < had; i++)
		if (old[i])
			*entry_place(cache, old[i]->file.dev, old[i]->file.ino) = old[i];
	free(old);
	return 0;
}

static int number_names(struct filecache *cache, struct cached_file *f, struct err *err)
{
	const struct elf *elf = &f->info.elf;
	int r = 0;

	f->needs = calloc(elf->nneeded + 1, sizeof *f->needs);
	f->verneed_files = calloc(elf->nverneed + 1, sizeof *f->verneed_files);
	if (!f->needs || !f->verneed_files)
		return err_nomem(err);
	if (elf->soname)
		r = filecache_number(cache, elf->soname, &f->soname, err);
	for (size_t i = 0; r == 0 && i < elf->nneeded; i++)
		r = filecache_number(cache, elf->needed[i].name, &f->needs[i], err);
	for (size_t i = 0; r == 0 && i < elf->nverneed; i++)
		/* Versions of one file follow each other and share its string. */
		if (i > 0 && elf->verneed[i].file == elf->verneed[i - 1].file)
			f->verneed_files[i] = f->verneed_files[i - 1];
		else
			r = filecache_number(cache, elf->verneed[i].file, &f->verneed_files[i],
					     err);
	return r;
}

/* Takes fd. */
static int begin_reading(struct filecache *cache, int fd, const struct stat *st,
			 struct cache_entry **out, struct err *err)
{
	struct cache_entry *e = calloc(1, sizeof *e);
	int r;

	if (!e) {
		close(fd);
		return err_nomem(err);
	}
	e->st = *st;
	e->file.dev = st->st_dev;
	e->file.ino = st->st_ino;
	e->file.regular = S_ISREG(st->st_mode);
	e->file.soname = FILECACHE_NONE;
	e->reading = (struct file_reading){.fd = fd, .info = &e->file.info, .st = &e->st};
	r = readers_ask(cache->readers, &e->reading, err);
	if (r < 0)
		entry_free(e);
	else
		*out = e;
	return r;
}

static int finish_reading(struct filecache *cache, struct cache_entry *e,
			  const struct cached_file **out, struct err *err)
{
	int r = 0;

	if (e->reading.fd >= 0) {
		r = readers_await(cache->readers, &e->reading, err);
		if (r < 0)
			return r;
		close(e->reading.fd);
		e->reading.fd = -1;
		r = number_names(cache, &e->file, err);
	}
	*out = &e->file;
	return r;
}

/* Opens a file and asks for it if it is new. *error is 0 or why it could not be opened. */
static int find_entry(struct filecache *cache, const char *file, struct cache_entry **out,
		      bool *noexec, int *error, struct err *err)
{
	struct cache_entry **place;
	struct statvfs fs;
	struct stat st;
	int fd = sysroot_open(NULL, file, &st, NULL), r;

	*out = NULL;
	*error = fd < 0 ? fd : 0;
	if (fd < 0)
		return 0;
	*noexec = fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_NOEXEC;
	r = grow_files(cache, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	place = entry_place(cache, st.st_dev, st.st_ino);
	if (*place) {
		close(fd);
	} else {
		r = begin_reading(cache, fd, &st, place, err);
		cache->nfiles += r == 0;
	}
	*out = *place;
	return r;
}

static int read_file(struct filecache *cache, const char *file, const struct cached_file **out,
		     bool *noexec, int *error, struct err *err)
{
	struct cache_entry *e;
	int r = find_entry(cache, file, &e, noexec, error, err);

	*out = NULL;
	return r < 0 || *error ? r : finish_reading(cache, e, out, err);
}

int filecache_file(struct filecache *cache, const char *file, const struct cached_file **out,
		   struct err *err)
{
	size_t number;
	bool noexec; /* not needed here: the kernel enforces it */
	int error = 0, r = filecache_number(cache, file, &number, err);

	if (r < 0)
		return r;
	r = cache->names[number].expected
		    ? finish_reading(cache, cache->names[number].expected, out, err)
		    : read_file(cache, file, out, &noexec, &error, err);
	if (r == 0 && error)
		return err_sys(err, -error, "cannot open %s", file);
	return r;
}

static int expect_file(struct filecache *cache, const char *file, struct err *err)
{
	struct cache_entry *e;
	size_t number;
	bool noexec = false;
	int error, r = filecache_number(cache, file, &number, err);

	if (r < 0 || cache->names[number].expected || cache->names[number].path)
		return r;
	r = find_entry(cache, file, &e, &noexec, &error, err);
	if (r == 0) {
		cache->names[number].expected = e;
		cache->names[number].noexec = noexec;
	}
	return r;
}

int filecache_expect(struct filecache *cache, const char *program, struct err *err)
{
	struct resolved at;
	struct err ignored;

	if (!readers_confine() || filecache_program(cache, program, &at, &ignored) < 0)
		return 0;
	return expect_file(cache, at.file, err);
}

int filecache_expect_library(struct filecache *cache, const char *path, struct err *err)
{
	return readers_confine() && sysroot_is_live(cache->sysroot) ? expect_file(cache, path, err)
								    : 0;
}

/* Keeps a name's canonical path and its path outside the view. */
static int keep_resolved(struct filecache *cache, size_t number, const struct resolved *at,
			 struct err *err)
{
	bool elsewhere = strcmp(at->path, at->file) != 0;
	char *canonical = strdup(at->path), *outside = elsewhere ? strdup(at->file) : NULL;

	if (!canonical || (elsewhere && !outside)) {
		free(canonical);
		free(outside);
		return err_nomem(err);
	}
	cache->names[number].canonical = canonical;
	cache->names[number].outside = outside;
	return 0;
}

/* The canonical path of the directory part of a path, resolved once for all names in it; NULL if the
 * path must be resolved as a whole. A directory's own path is: paths can be a thousand names deep. */
static int real_dir(struct filecache *cache, const char *path, const char **real, struct err *err)
{
	char dir[PATH_MAX];
	struct resolved at;
	size_t number;
	bool there;
	int r;

	*real = NULL;
	if (path[0] != '/' || !*path_base(path) || strlen(path) >= PATH_MAX)
		return 0;
	path_dir(path, dir);
	r = filecache_dir(cache, dir, &there, err);
	if (r == 0 && there)
		r = filecache_number(cache, dir, &number, err);
	if (r < 0 || !there)
		return r;
	if (!cache->names[number].canonical) {
		if (sysroot_resolve(cache->sysroot, dir, &at) < 0)
			return 0;
		r = keep_resolved(cache, number, &at, err);
	}
	*real = cache->names[number].canonical;
	return r;
}

/* Where a name of a live directory leads to. Most links of libraries lead to a name beside them, which
 * costs one call. 1: the kernel must resolve the path. */
static int resolve_live(const char *dir, const char *name, char out[PATH_MAX])
{
	char link[NAME_MAX + 1];
	struct err ignored;
	ssize_t len;

	for (int links = 0; *name != '.' && links <= LINKS_MAX; links++) {
		if (path_join(dir, name, out, &ignored) < 0)
			return -ENAMETOOLONG;
		len = readlink(out, link, sizeof link - 1);
		if (len < 0)
			return errno == EINVAL ? 0 : -errno;
		link[len] = '\0';
		if ((size_t)len == sizeof link - 1 || strchr(link, '/'))
			return 1;
		name = link;
	}
	return 1;
}

/* Where a path leads to; *error is 0 or why it leads nowhere. For live files at->st is not filled. */
static int resolve_path(struct filecache *cache, const char *path, struct resolved *at, int *error,
			struct err *err)
{
	const char *real;
	int r = real_dir(cache, path, &real, err);

	if (r < 0)
		return r;
	if (!sysroot_is_live(cache->sysroot)) {
		*error = real ? sysroot_resolve_in(cache->sysroot, real, path_base(path), at)
			      : sysroot_resolve(cache->sysroot, path, at);
		return 0;
	}
	*error = real ? resolve_live(real, path_base(path), at->path) : 1;
	if (*error == 1)
		*error = realpath(path, at->path) ? 0 : -errno;
	if (*error == 0)
		strcpy(at->file, at->path);
	return 0;
}

/* A view's overlay is noexec where the covered directory is (base/cover.c), wherever its layer
 * lies. */
static bool layer_is_noexec(const struct sysroot *sysroot, const char *layer)
{
	struct statvfs fs;

	for (size_t i = 0; i < sysroot->ncovers; i++)
		if (sysroot->covers[i].layer == layer)
			return statvfs(sysroot->covers[i].target, &fs) == 0 &&
			       fs.f_flag & ST_NOEXEC;
	return false;
}

static int path_in_view(struct filecache *cache, const char *path, size_t number,
			struct cached_path *p, struct err *err)
{
	struct resolved at;
	int r = resolve_path(cache, path, &at, &p->error, err);

	if (r < 0 || p->error)
		return r;
	p->layer = at.layer;
	if (!cache->names[number].canonical)
		r = keep_resolved(cache, number, &at, err);
	if (r == 0)
		r = read_file(cache, at.file, &p->file, &p->noexec, &p->error, err);
	if (at.layer)
		p->noexec = layer_is_noexec(cache->sysroot, at.layer);
	return r;
}

int filecache_path(struct filecache *cache, const char *path, const struct cached_path **out,
		   struct err *err)
{
	size_t number;
	int r = filecache_number(cache, path, &number, err);

	if (r == 0 && !cache->names[number].path) {
		struct cached_path *p = calloc(1, sizeof *p);

		if (!p)
			return err_nomem(err);
		cache->names[number].path = p;
		p->noexec = cache->names[number].noexec;
		if (cache->names[number].expected)
			r = finish_reading(cache, cache->names[number].expected, &p->file, err);
		else
			r = sysroot_is_live(cache->sysroot)
				    ? read_file(cache, path, &p->file, &p->noexec, &p->error, err)
				    : path_in_view(cache, path, number, p, err);
	}
	/* Reading adds names, which can move cache->names. */
	if (r == 0)
		*out = cache->names[number].path;
	return r;
}

static int stat_dir(const struct sysroot *sysroot, const char *path, struct stat *st)
{
	struct resolved at;
	int r;

	if (sysroot_is_live(sysroot))
		return stat(path, st);
	r = sysroot_resolve(sysroot, path, &at);
	if (r == 0)
		*st = at.st;
	return r;
}

int filecache_dir(struct filecache *cache, const char *path, bool *there, struct err *err)
{
	struct cached_name *name;
	struct stat st;
	size_t number;
	int r;

	path = *path ? path : ".";
	r = filecache_number(cache, path, &number, err);
	if (r < 0)
		return r;
	name = &cache->names[number];
	if (!name->dir_known) {
		name->is_dir = stat_dir(cache->sysroot, path, &st) == 0 && S_ISDIR(st.st_mode);
		name->dir_known = true;
	}
	*there = name->is_dir;
	return 0;
}

/* A stub represents the original of its app. */
static int pass_stub(const char *path, struct resolved *out, struct err *err)
{
	char original[PATH_MAX];

	if (!stub_wraps(out->file, original))
		return 0;
	memcpy(out->file, original, sizeof original);
	return stat(original, &out->st) < 0 ? err_sys(err, errno, "the original of %s", path) : 0;
}

int filecache_program(struct filecache *cache, const char *path, struct resolved *out,
		      struct err *err)
{
	char dir[PATH_MAX];
	const char *real;
	int r;

	/* Most programs are live, no links, and in a directory that is known already. */
	path_dir(path, dir);
	if (sysroot_is_live(cache->sysroot) && path[0] == '/' && *path_base(path) != '.' &&
	    strlen(path) < PATH_MAX && filecache_canonical(cache, dir, &real, NULL, err) == 0 &&
	    path_join(real, path_base(path), out->path, err) == 0 &&
	    lstat(out->path, &out->st) == 0 && S_ISREG(out->st.st_mode)) {
		memcpy(out->file, out->path, sizeof out->file);
		out->layer = out->app = NULL;
	} else {
		r = sysroot_resolve(cache->sysroot, path, out);
		if (r < 0)
			return err_sys(err, -r, "%s", path);
	}
	return pass_stub(path, out, err);
}

static int find_canonical(struct filecache *cache, const char *path, size_t number, struct err *err)
{
	struct resolved at;
	int error, r = resolve_path(cache, path, &at, &error, err);

	if (r == 0 && error)
		return err_sys(err, -error, "%s", path);
	return r < 0 ? r : keep_resolved(cache, number, &at, err);
}

int filecache_canonical(struct filecache *cache, const char *path, const char **out,
			const char **file, struct err *err)
{
	size_t number;
	int r = filecache_number(cache, path, &number, err);

	if (r == 0 && !cache->names[number].canonical)
		r = find_canonical(cache, path, number, err);
	if (r < 0)
		return r;
	*out = cache->names[number].canonical;
	if (file)
		*file = cache->names[number].outside ? cache->names[number].outside : *out;
	return 0;
}
