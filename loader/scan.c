#include "loader/scan.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/sysroot.h"
#include "elf/readers.h"
#include "loader/index.h"
#include "loader/ldconf.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#define CACHE_PATH "/etc/ld.so.cache"
#define CONF_PATH "/etc/ld.so.conf"
#define LINKS_MAX 8 /* beside each other; of more the kernel shall judge */
#define CACHED 2    /* architectures: more than two are rare on one machine */

/* What is known of a name: as a path, as a directory, as a soname. */
struct slot {
	struct file *file;
	struct file dir; /* error alone */
	bool dir_known;
	char *canonical, *outside; /* outside NULL: canonical too */
	struct kept *expected;	   /* by scan_expect: of the file that lies there */
	struct scan_mark mark;
	struct cached {
		const struct loader *loader;
		const char *path;
	} cached[CACHED];
};

/* A file that is being read. */
struct pending {
	struct file_reading asked;
	struct stat before;
	struct timespec began;
	char *path; /* that it is noted under in the index; NULL: it is not */
};

/* Facts, once they are there. */
struct kept {
	struct elf_info facts;
	struct pending *pending; /* NULL: they are */
};

struct scan {
	const struct sysroot *sysroot;
	struct readers *readers;
	bool fs_known, fs_trusted; /* of the last file system that was looked at */
	dev_t fs;
	struct index *index;
	struct intern names;
	struct slot *slots; /* by a name's number */
	size_t nslots;
	struct kept **facts; /* by device and inode; open addressing */
	size_t nfacts, facts_room;
	struct loader **loaders;
	size_t nloaders;
	bool cache_known;
	struct ldcache cache;
	struct err cache_why;
	bool configured_known;
	struct strings configured;
	size_t walks;
};

int scan_new(const struct sysroot *sysroot, struct scan **out, struct err *err)
{
	struct scan *scan = calloc(1, sizeof *scan);
	int r;

	if (!scan)
		return err_nomem(err);
	r = readers_new(&scan->readers, err);
	if (r < 0) {
		free(scan);
		return r;
	}
	scan->sysroot = sysroot;
	intern_begin(&scan->names);
	*out = scan;
	return 0;
}

static void pending_free(struct pending *p)
{
	if (!p)
		return;
	cleanup_fd(&p->asked.fd);
	free(p->path);
	free(p);
}

static void kept_free(struct kept *k)
{
	if (!k)
		return;
	elf_info_clear(&k->facts);
	pending_free(k->pending);
	free(k);
}

void scan_free(struct scan **scan)
{
	struct scan *s = *scan;

	if (!s)
		return;
	readers_free(&s->readers);
	for (size_t i = 0; i < s->nslots; i++) {
		free(s->slots[i].file);
		free(s->slots[i].canonical);
		free(s->slots[i].outside);
	}
	free(s->slots);
	for (size_t i = 0; i < s->facts_room; i++)
		kept_free(s->facts[i]);
	free(s->facts);
	for (size_t i = 0; i < s->nloaders; i++)
		loader_free(s->loaders[i]);
	free(s->loaders);
	ldcache_free(&s->cache);
	strings_free(&s->configured);
	intern_free(&s->names);
	free(s);
	*scan = NULL;
}

void scan_use_index(struct scan *scan, struct index *index)
{
	scan->index = index;
}

const struct sysroot *scan_sysroot(const struct scan *scan)
{
	return scan->sysroot;
}

/* -- names -- */

int scan_name(struct scan *scan, const char *string, size_t *number, struct err *err)
{
	int r = intern_add(&scan->names, string, number, err);

	if (r == 0 && *number >= scan->nslots) {
		size_t want = scan->nslots ? 2 * scan->nslots : 1024;
		struct slot *more = reallocarray(scan->slots, want, sizeof *more);

		if (!more)
			return err_nomem(err);
		memset(more + scan->nslots, 0, (want - scan->nslots) * sizeof *more);
		scan->slots = more;
		scan->nslots = want;
	}
	return r;
}

const char *scan_string(const struct scan *scan, size_t number)
{
	return scan->names.items[number];
}

int scan_text(struct scan *scan, const char *string, const char **out, struct err *err)
{
	size_t number;
	int r = scan_name(scan, string, &number, err);

	if (r == 0)
		*out = scan->names.items[number];
	return r;
}

struct scan_mark *scan_mark(struct scan *scan, size_t number)
{
	return &scan->slots[number].mark;
}

size_t scan_walk(struct scan *scan)
{
	return ++scan->walks;
}

static int slot_of(struct scan *scan, const char *string, struct slot **out, struct err *err)
{
	size_t number;
	int r = scan_name(scan, string, &number, err);

	if (r == 0)
		*out = &scan->slots[number];
	return r;
}

/* -- facts -- */

static struct kept **facts_place(const struct scan *scan, dev_t dev, ino_t ino)
{
	size_t mask = scan->facts_room - 1;
	size_t i = (size_t)intern_mix(&scan->names, (uint64_t)ino + (uint64_t)dev) & mask;

	while (scan->facts[i] &&
	       (scan->facts[i]->facts.dev != dev || scan->facts[i]->facts.ino != ino))
		i = (i + 1) & mask;
	return &scan->facts[i];
}

static int facts_grow(struct scan *scan, struct err *err)
{
	struct kept **old = scan->facts;
	size_t had = scan->facts_room;

	if (2 * (scan->nfacts + 1) <= had)
		return 0;
	scan->facts = calloc(had ? 2 * had : 1024, sizeof *scan->facts);
	if (!scan->facts) {
		scan->facts = old;
		return err_nomem(err);
	}
	scan->facts_room = had ? 2 * had : 1024;
	for (size_t i = 0; i < had; i++)
		if (old[i])
			*facts_place(scan, old[i]->facts.dev, old[i]->facts.ino) = old[i];
	free(old);
	return 0;
}

/* The names that a file speaks of get their numbers. */
static int number_names(struct scan *scan, struct elf_info *f, struct err *err)
{
	int r = 0;

	f->soname = SCAN_NONE;
	f->needs = calloc(f->elf.nneeded + 1, sizeof *f->needs);
	f->askeds = calloc(f->elf.nasked + 1, sizeof *f->askeds);
	if (!f->needs || !f->askeds)
		return err_nomem(err);
	if (f->elf.soname)
		r = scan_name(scan, f->elf.soname, &f->soname, err);
	for (size_t i = 0; r == 0 && i < f->elf.nneeded; i++)
		r = scan_name(scan, f->elf.needed[i].name, &f->needs[i], err);
	for (size_t i = 0; r == 0 && i < f->elf.nasked; i++)
		/* Those of one file follow each other, and share its string. */
		if (i > 0 && f->elf.asked[i].file == f->elf.asked[i - 1].file)
			f->askeds[i] = f->askeds[i - 1];
		else
			r = scan_name(scan, f->elf.asked[i].file, &f->askeds[i], err);
	return r;
}

/* What was read is noted only where the index is of one's own files, or root alone decides what is
 * there, and has trusted the file system with it. */
static bool may_note(struct scan *scan, const struct file_reading *a)
{
	struct statvfs fs;

	if (!readers_confine())
		return true;
	if (a->origin != ORIGIN_ROOT)
		return false;
	if (!scan->fs_known || scan->fs != a->st->st_dev) {
		scan->fs_known = fstatvfs(a->fd, &fs) == 0;
		scan->fs = a->st->st_dev;
		scan->fs_trusted = scan->fs_known && !(fs.f_flag & ST_NOSUID);
	}
	return scan->fs_trusted;
}

/* Asks for what is in the file; fd is taken. */
static int begin_reading(struct scan *scan, const char *path, int *fd, const struct stat *st,
			 struct kept *k, struct err *err)
{
	struct pending *p = calloc(1, sizeof *p);

	if (!p)
		return err_nomem(err);
	k->pending = p;
	p->before = *st;
	p->asked = (struct file_reading){.fd = *fd, .facts = &k->facts, .st = &p->before};
	*fd = -1;
	clock_gettime(CLOCK_REALTIME_COARSE, &p->began);
	if (readers_confine())
		p->asked.origin = readers_owner(scan->readers, p->asked.fd, st);
	if (scan->index && may_note(scan, &p->asked)) {
		p->path = strdup(path);
		if (!p->path)
			return err_nomem(err);
	}
	return readers_ask(scan->readers, &p->asked, err);
}

static int finish_reading(struct scan *scan, struct kept *k, struct err *err)
{
	struct pending *p = k->pending;
	struct elf_info *f = &k->facts;
	struct stat after;
	int r = readers_await(scan->readers, &p->asked, err);

	if (r < 0)
		return r;
	/* What could not be read this time (-EIO) may be the next. */
	if (p->path && (f->error == 0 || f->error == -EBADMSG) && fstat(p->asked.fd, &after) == 0)
		index_note(scan->index, p->path, &p->before, &after, &p->began, f);
	f->dev = p->before.st_dev;
	f->ino = p->before.st_ino;
	f->regular = S_ISREG(p->before.st_mode);
	k->pending = NULL;
	pending_free(p);
	return number_names(scan, f, err);
}

static int kept_facts(struct scan *scan, struct kept *k, const struct elf_info **out,
		      struct err *err)
{
	int r = k->pending ? finish_reading(scan, k, err) : 0;

	*out = &k->facts;
	return r;
}

/* Facts of what stat(2) tells: known already, from the index, or, if *fd is open, asked for. *out
 * stays NULL where the file has to be opened. path is where it lies. */
static int keep_facts(struct scan *scan, const char *path, int *fd, const struct stat *st,
		      struct kept **out, struct err *err)
{
	struct kept *k;
	int r = facts_grow(scan, err);

	if (r < 0)
		return r;
	*out = *facts_place(scan, st->st_dev, st->st_ino);
	if (*out)
		return 0;
	k = calloc(1, sizeof *k);
	if (!k)
		return err_nomem(err);
	if (*fd >= 0) {
		r = begin_reading(scan, path, fd, st, k, err);
	} else if (index_get(scan->index, path, st, &k->facts)) {
		r = number_names(scan, &k->facts, err);
	} else {
		free(k);
		return 0;
	}
	if (r < 0) {
		kept_free(k);
		return r;
	}
	k->facts.dev = st->st_dev;
	k->facts.ino = st->st_ino;
	k->facts.regular = S_ISREG(st->st_mode);
	*out = *facts_place(scan, st->st_dev, st->st_ino) = k;
	scan->nfacts++;
	return 0;
}

/* Opened only where the index does not know it. *error gets what kept it from being opened. */
static int find_facts(struct scan *scan, const char *file, struct kept **out, int *error,
		      struct err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int r;

	*out = NULL;
	*error = 0;
	if (scan->index && !index_is_empty(scan->index) && stat(file, &st) == 0) {
		r = keep_facts(scan, file, &fd, &st, out, err);
		if (r < 0 || *out)
			return r;
	}
	fd = sysroot_open(NULL, file, &st, NULL);
	if (fd < 0) {
		*error = fd;
		fd = -1;
		return 0;
	}
	return keep_facts(scan, file, &fd, &st, out, err);
}

static int facts_at(struct scan *scan, const char *file, const struct elf_info **out, int *error,
		    struct err *err)
{
	struct kept *k;
	int r = find_facts(scan, file, &k, error, err);

	*out = NULL;
	return r < 0 || *error ? r : kept_facts(scan, k, out, err);
}

int scan_info(struct scan *scan, const char *file, const struct elf_info **out, struct err *err)
{
	size_t number;
	int error = 0, r = scan_name(scan, file, &number, err);

	if (r < 0)
		return r;
	r = scan->slots[number].expected ? kept_facts(scan, scan->slots[number].expected, out, err)
					 : facts_at(scan, file, out, &error, err);
	if (r == 0 && error)
		return err_sys(err, -error, "cannot open %s", file);
	return r;
}

/* Of a file of the live system. */
static int expect(struct scan *scan, const char *file, struct err *err)
{
	struct kept *k;
	size_t number;
	int error, r = scan_name(scan, file, &number, err);

	if (r < 0 || scan->slots[number].expected || scan->slots[number].file)
		return r;
	r = find_facts(scan, file, &k, &error, err);
	if (r == 0)
		scan->slots[number].expected = k;
	return r;
}

int scan_expect(struct scan *scan, const char *program, struct err *err)
{
	struct resolved at;
	struct err ignored;

	if (!readers_confine() || scan_program(scan, program, &at, &ignored) < 0)
		return 0;
	return expect(scan, at.file, err);
}

int scan_expect_library(struct scan *scan, const char *path, struct err *err)
{
	return readers_confine() && sysroot_is_live(scan->sysroot) ? expect(scan, path, err) : 0;
}

/* What a name's path leads to. */
static int keep_place(struct scan *scan, size_t number, const struct resolved *at, struct err *err)
{
	bool elsewhere = strcmp(at->path, at->file) != 0;
	char *canonical = strdup(at->path), *outside = elsewhere ? strdup(at->file) : NULL;

	if (!canonical || (elsewhere && !outside)) {
		free(canonical);
		free(outside);
		return err_nomem(err);
	}
	scan->slots[number].canonical = canonical;
	scan->slots[number].outside = outside;
	return 0;
}

/* The canonical path of the directory that a path's last name is looked up in, found out once for
 * all that lie in it; NULL if the whole path has to be looked at. A directory's own path is
 * resolved as a whole: paths can be a thousand names deep. */
static int dir_of(struct scan *scan, const char *path, const char **real, struct err *err)
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
	r = scan_dir(scan, dir, &there, err);
	if (r == 0 && there)
		r = scan_name(scan, dir, &number, err);
	if (r < 0 || !there)
		return r;
	if (!scan->slots[number].canonical) {
		if (sysroot_resolve(scan->sysroot, dir, &at) < 0)
			return 0;
		r = keep_place(scan, number, &at, err);
	}
	*real = scan->slots[number].canonical;
	return r;
}

/* Where a name of a live directory leads to: a link to a name beside it, which is what most links of
 * libraries are, costs one call. 1: the kernel shall judge. */
static int live_in(const char *dir, const char *name, char out[PATH_MAX])
{
	char link[NAME_MAX + 1];
	ssize_t len;
	int n;

	for (int links = 0; *name != '.' && links <= LINKS_MAX; links++) {
		n = snprintf(out, PATH_MAX, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
		if (n < 0 || n >= PATH_MAX)
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

/* Where a path leads to; *error gets why it leads nowhere. Of a live one at->st is not filled. */
static int place_of(struct scan *scan, const char *path, struct resolved *at, int *error,
		    struct err *err)
{
	const char *real;
	int r = dir_of(scan, path, &real, err);

	if (r < 0)
		return r;
	if (!sysroot_is_live(scan->sysroot)) {
		*error = real ? sysroot_resolve_in(scan->sysroot, real, path_base(path), at)
			      : sysroot_resolve(scan->sysroot, path, at);
		return 0;
	}
	*error = real ? live_in(real, path_base(path), at->path) : 1;
	if (*error == 1)
		*error = realpath(path, at->path) ? 0 : -errno;
	if (*error == 0)
		strcpy(at->file, at->path);
	return 0;
}

/* The file of a name in the view. */
static int file_in_view(struct scan *scan, const char *path, size_t number, struct file *f,
			struct err *err)
{
	struct resolved at;
	int r = place_of(scan, path, &at, &f->error, err);

	if (r < 0 || f->error)
		return r;
	f->layer = at.layer;
	if (!scan->slots[number].canonical)
		r = keep_place(scan, number, &at, err);
	return r < 0 ? r : facts_at(scan, at.file, &f->facts, &f->error, err);
}

int scan_file(struct scan *scan, const char *path, const struct file **out, struct err *err)
{
	size_t number;
	int r = scan_name(scan, path, &number, err);

	if (r == 0 && !scan->slots[number].file) {
		struct file *f = calloc(1, sizeof *f);

		if (!f)
			return err_nomem(err);
		scan->slots[number].file = f;
		if (scan->slots[number].expected)
			r = kept_facts(scan, scan->slots[number].expected, &f->facts, err);
		else
			r = sysroot_is_live(scan->sysroot)
				    ? facts_at(scan, path, &f->facts, &f->error, err)
				    : file_in_view(scan, path, number, f, err);
	}
	/* New names may have moved the slots. */
	if (r == 0)
		*out = scan->slots[number].file;
	return r;
}

int scan_dir(struct scan *scan, const char *path, bool *there, struct err *err)
{
	struct slot *slot = NULL;
	int r = slot_of(scan, *path ? path : ".", &slot, err);

	if (r < 0)
		return r;
	if (!slot->dir_known) {
		struct resolved at;
		struct stat st;
		int e;

		if (sysroot_is_live(scan->sysroot)) {
			e = stat(*path ? path : ".", &st) < 0 ? -errno : 0;
		} else {
			e = sysroot_resolve(scan->sysroot, *path ? path : ".", &at);
			st = at.st;
		}
		slot->dir.error = e < 0 ? e : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
		slot->dir_known = true;
	}
	*there = slot->dir.error == 0;
	return 0;
}

int scan_program(struct scan *scan, const char *path, struct resolved *out, struct err *err)
{
	char dir[PATH_MAX];
	const char *real;
	int n;

	/* A live file of its own name, in a directory that is known: most programs are that. */
	path_dir(path, dir);
	if (sysroot_is_live(scan->sysroot) && path[0] == '/' && *path_base(path) != '.' &&
	    strlen(path) < PATH_MAX && scan_canonical(scan, dir, &real, NULL, err) == 0) {
		n = snprintf(out->path, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
			     path_base(path));
		if (n > 0 && n < PATH_MAX && lstat(out->path, &out->st) == 0 &&
		    S_ISREG(out->st.st_mode)) {
			memcpy(out->file, out->path, sizeof out->file);
			out->layer = out->app = NULL;
			return 0;
		}
	}
	n = sysroot_resolve_program(scan->sysroot, path, out);
	return n < 0 ? err_sys(err, -n, "%s", path) : 0;
}

static int find_canonical(struct scan *scan, const char *path, size_t number, struct err *err)
{
	struct resolved at;
	int error, r = place_of(scan, path, &at, &error, err);

	if (r == 0 && error)
		return err_sys(err, -error, "%s", path);
	return r < 0 ? r : keep_place(scan, number, &at, err);
}

int scan_canonical(struct scan *scan, const char *path, const char **out, const char **file,
		   struct err *err)
{
	size_t number;
	int r = scan_name(scan, path, &number, err);

	if (r == 0 && !scan->slots[number].canonical)
		r = find_canonical(scan, path, number, err);
	if (r < 0)
		return r;
	*out = scan->slots[number].canonical;
	if (file)
		*file = scan->slots[number].outside ? scan->slots[number].outside : *out;
	return 0;
}

/* -- loaders -- */

static int add_loader(struct scan *scan, const struct elf *program, const char *path,
		      const struct loader **out, struct err *err)
{
	struct loader **more;
	const struct file *file = NULL;
	const struct elf *elf = NULL;
	int r = scan_file(scan, *path ? path : "/", &file, err);

	if (r < 0)
		return r;
	if (file->facts && file->facts->is_elf && !file->facts->why)
		elf = &file->facts->elf;
	more = reallocarray(scan->loaders, scan->nloaders + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	scan->loaders = more;
	r = loader_make(scan->sysroot, scan->readers, program, path, elf, &more[scan->nloaders],
			err);
	if (r == 0)
		*out = more[scan->nloaders++];
	return r;
}

static bool same_loader(const struct loader *l, const struct elf *program, const char *path)
{
	return l->class == program->class && l->machine == program->machine &&
	       (l->kind == LOADER_NONE) == loader_is_static(program) && strcmp(l->path, path) == 0;
}

int scan_loader(struct scan *scan, const struct elf *program, const struct loader **out,
		struct err *err)
{
	char path[PATH_MAX];

	loader_path(scan->sysroot, program, path);
	for (size_t i = 0; i < scan->nloaders; i++)
		if (same_loader(scan->loaders[i], program, path)) {
			*out = scan->loaders[i];
			return 0;
		}
	return add_loader(scan, program, path, out, err);
}

/* -- the cache -- */

const struct ldcache *scan_cache(struct scan *scan, const char **why)
{
	struct err *err = &scan->cache_why;

	if (!scan->cache_known) {
		struct resolved at;
		int r = sysroot_resolve(scan->sysroot, CACHE_PATH, &at);

		/* Without one the loader goes on, and so does this. */
		err->text[0] = '\0';
		if (r < 0)
			err_sys(err, -r, "%s", CACHE_PATH);
		else if (ldcache_read(at.file, &scan->cache, err) < 0)
			err_wrap(err, 0, "%s", CACHE_PATH);
		scan->cache_known = true;
	}
	if (why)
		*why = err->text[0] ? err->text : NULL;
	return &scan->cache;
}

int scan_configured(struct scan *scan, const struct strings **out, struct err *err)
{
	int r = 0;

	if (!scan->configured_known)
		r = ldconf_dirs(scan->sysroot, CONF_PATH, &scan->configured, err);
	scan->configured_known = r == 0;
	*out = &scan->configured;
	return r;
}

const char *scan_cached(struct scan *scan, const struct loader *loader, size_t soname)
{
	const struct ldcache *cache = scan_cache(scan, NULL);
	struct slot *slot = &scan->slots[soname];
	const struct ldcache_entry *e;

	for (size_t i = 0; i < CACHED; i++)
		if (slot->cached[i].loader == loader)
			return slot->cached[i].path;
	e = ldcache_find(cache, scan->names.items[soname], &loader->wish);
	for (size_t i = 0; i < CACHED; i++)
		if (!slot->cached[i].loader) {
			slot->cached[i] = (struct cached){loader, e ? e->path : NULL};
			break;
		}
	return e ? e->path : NULL;
}
