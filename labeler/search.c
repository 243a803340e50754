/*
 * The search rules are ld.so(8)'s: DT_RPATH of the object that needs and of those that brought it
 * in (none of an object with DT_RUNPATH), LD_LIBRARY_PATH (the caller's business, left out here),
 * DT_RUNPATH of the object alone, the cache, the default directories.
 */
#include "labeler/search.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "labeler/hwcaps.h"

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#define OBJECTS_MAX 4096

void dirs_free(struct dirs *dirs)
{
	for (size_t i = 0; i < dirs->count; i++)
		free(dirs->items[i]);
	free(dirs->items);
	*dirs = (struct dirs){0};
}

bool dirs_have(const struct dirs *dirs, const char *dir)
{
	for (size_t i = 0; i < dirs->count; i++)
		if (strcmp(dirs->items[i], dir) == 0)
			return true;
	return false;
}

int dirs_add(struct dirs *dirs, const char *dir, struct err *err)
{
	char **more;

	if (dirs_have(dirs, dir))
		return 0;
	more = reallocarray(dirs->items, dirs->count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	dirs->items = more;
	more[dirs->count] = strdup(dir);
	if (!more[dirs->count])
		return err_nomem(err);
	dirs->count++;
	return 0;
}

/* -- objects of the closure -- */

struct object {
	struct elf elf;
	char *path;    /* as it was found: $ORIGIN is its directory */
	size_t parent; /* who brought it in; itself for the program */
};

struct closure {
	struct object *items; /* the first is the program */
	size_t count;
	struct dirs names;   /* what a later DT_NEEDED finds without a search: loaded already */
	struct dirs subdirs; /* hwcaps_subdirs */
	char *interp;	     /* the loader's path and soname, NULL if the program names none */
	char *interp_soname;
};

static void closure_free(struct closure *c)
{
	for (size_t i = 0; i < c->count; i++) {
		/* The program's is the caller's. */
		if (i > 0)
			elf_free(&c->items[i].elf);
		free(c->items[i].path);
	}
	free(c->items);
	dirs_free(&c->names);
	dirs_free(&c->subdirs);
	free(c->interp);
	free(c->interp_soname);
}

static struct object *new_object(struct closure *c, const char *path)
{
	struct object *items = reallocarray(c->items, c->count + 1, sizeof *items);

	if (!items)
		return NULL;
	c->items = items;
	items[c->count] = (struct object){.path = strdup(path)};
	return items[c->count].path ? &items[c->count++] : NULL;
}

/* -- search paths -- */

static const char *platform(const struct elf *elf)
{
	const char *native = (const char *)getauxval(AT_PLATFORM);

	if (elf->machine == EM_386)
		return "i686";
	return native ? native : "";
}

/* The length of the token that s, which follows a '$', begins with: "NAME" or "{NAME}"; 0 if it is
 * another. "$ORIGINAL" is not $ORIGIN. */
static size_t token(const char *s, size_t len, const char *name)
{
	size_t n = strlen(name), curly = len > 0 && s[0] == '{';

	if (len < n + 2 * curly || strncmp(s + curly, name, n) != 0)
		return 0;
	if (curly)
		return s[n + 1] == '}' ? n + 2 : 0;
	return n < len && (isalnum((unsigned char)s[n]) || s[n] == '_') ? 0 : n;
}

/* $ORIGIN, $LIB and $PLATFORM; other tokens stay, as with the loader. False if the result is too
 * long or relative. */
static bool expand(const char *dir, size_t len, const struct object *o, char out[PATH_MAX])
{
	static const char *const names[3] = {"ORIGIN", "LIB", "PLATFORM"};
	char origin[PATH_MAX], lib[64];
	const char *values[3] = {origin, lib, platform(&o->elf)};
	size_t used = 0;

	path_dir(o->path, origin);
	snprintf(lib, sizeof lib, "lib/%s", elf_triplet(o->elf.class, o->elf.machine));
	for (size_t i = 0; i < len;) {
		const char *put = dir + i;
		size_t put_len = 1, skip = 1;

		for (size_t t = 0; dir[i] == '$' && t < 3; t++) {
			size_t n = token(dir + i + 1, len - i - 1, names[t]);

			if (n > 0) {
				put = values[t];
				put_len = strlen(put);
				skip = n + 1;
				break;
			}
		}
		if (used + put_len >= PATH_MAX)
			return false;
		memcpy(out + used, put, put_len);
		used += put_len;
		i += skip;
	}
	out[used] = '\0';
	return used > 0 && out[0] == '/';
}

/* The next directory of a search path; false after the last. *list moves on, and may be NULL. */
static bool next_dir(const char **list, const struct object *o, char dir[PATH_MAX])
{
	while (*list && **list) {
		const char *p = *list;
		size_t len = strcspn(p, ":");

		*list = p + len + (p[len] == ':');
		if (expand(p, len, o, dir))
			return true;
	}
	return false;
}

/* Is there, and of the program's architecture? The loader passes over others. */
static bool fits(const char *path, const struct elf *program)
{
	AUTO_ELF struct elf elf = {0};
	struct err ignored;
	bool is_elf;

	return elf_read_path(path, &elf, &is_elf, &ignored) == 0 && is_elf &&
	       elf.class == program->class && elf.machine == program->machine;
}

static bool found_in(const char *dir, const char *soname, const struct elf *program,
		     char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, soname);

	return n > 0 && n < PATH_MAX && fits(out, program);
}

/* In the directory or, before that, in a subdirectory for this processor. */
static bool found_below(const struct closure *c, const char *dir, const char *soname,
			char out[PATH_MAX])
{
	for (size_t i = 0; i < c->subdirs.count; i++) {
		char sub[PATH_MAX];
		int n = snprintf(sub, sizeof sub, "%s/%s", dir, c->subdirs.items[i]);

		if (n > 0 && (size_t)n < sizeof sub &&
		    found_in(*c->subdirs.items[i] ? sub : dir, soname, &c->items[0].elf, out))
			return true;
	}
	return false;
}

static bool in_path(const struct closure *c, const char *list, const struct object *o,
		    const char *soname, char out[PATH_MAX])
{
	char dir[PATH_MAX];

	while (next_dir(&list, o, dir))
		if (found_below(c, dir, soname, out))
			return true;
	return false;
}

/* -- the default directories, and the cache -- */

#define DEFAULTS 4

/* Debian's, in their order; /lib64 is none of them. False when there are no more. */
static bool default_dir(const struct elf *program, size_t i, char out[PATH_MAX])
{
	static const char *const roots[] = {"/lib", "/usr/lib"};
	const char *triplet = elf_triplet(program->class, program->machine);

	if (i >= DEFAULTS)
		return false;
	if (i < 2)
		snprintf(out, PATH_MAX, "%s/%s", roots[i], triplet);
	else
		snprintf(out, PATH_MAX, "%s", roots[i - 2]);
	return true;
}

static bool in_default(const struct closure *c, const char *soname, char out[PATH_MAX])
{
	char dir[PATH_MAX];

	for (size_t i = 0; default_dir(&c->items[0].elf, i, dir); i++)
		if (found_below(c, dir, soname, out))
			return true;
	return false;
}

/* The flags of a cache entry that this program's loader takes: FLAG_ELF_LIBC6 and the required
 * architecture (glibc's ldconfig.h and dl-cache.h). */
static int cache_flags(const struct elf *program)
{
	static const struct {
		const char *arch;
		int flags;
	} known[] = {{"amd64", 0x303}, {"i386", 0x003},	 {"x32", 0x803},     {"arm64", 0xa03},
		     {"armhf", 0x903}, {"s390x", 0x403}, {"ppc64el", 0x503}, {"riscv64", 0x1003}};
	const char *arch = elf_arch(program->class, program->machine);

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].arch, arch) == 0)
			return known[i].flags;
	return -1;
}

/* How soon the loader takes an entry: the place of its directory among the subdirectories for this
 * processor; SIZE_MAX if it is for other processors only. */
static size_t cache_rank(const struct closure *c, const struct ldcache_entry *e)
{
	size_t i = 0, len = (size_t)(path_base(e->path) - e->path);

	for (; e->hwcap && i + 1 < c->subdirs.count; i++) {
		const char *sub = c->subdirs.items[i];
		size_t n = strlen(sub);

		/* "/dir/SUB/name" */
		if (len > n + 1 && strncmp(e->path + len - n - 1, sub, n) == 0 &&
		    e->path[len - n - 2] == '/')
			return i;
	}
	return e->hwcap ? SIZE_MAX : c->subdirs.count;
}

/* DF_1_NODEFLIB: no entry that a default directory would have given. */
static bool is_by_default(const char *path, const struct elf *program)
{
	char dir[PATH_MAX];

	for (size_t i = 0; default_dir(program, i, dir); i++)
		if (path_below(path, dir))
			return true;
	return false;
}

/* The loader takes the best entry or none: if that one's file is not usable it does not try the
 * next. */
static bool in_cache(const struct search *s, const struct closure *c, const struct object *o,
		     const char *soname, char out[PATH_MAX])
{
	const struct elf *program = &c->items[0].elf;
	const struct ldcache_entry *best = NULL;
	size_t best_rank = SIZE_MAX;
	int flags = cache_flags(program);

	for (size_t i = 0; i < s->cache.count; i++) {
		const struct ldcache_entry *e = &s->cache.entries[i];

		if (e->flags == flags && strcmp(e->soname, soname) == 0 &&
		    cache_rank(c, e) < best_rank) {
			best = e;
			best_rank = cache_rank(c, e);
		}
	}
	if (!best || strlen(best->path) >= PATH_MAX ||
	    (o->elf.nodeflib && is_by_default(best->path, program)))
		return false;
	snprintf(out, PATH_MAX, "%s", best->path);
	return fits(out, program);
}

/* -- the walk -- */

/* Whether one of the objects that brought number i in, or it itself, leads there by DT_RPATH. */
static bool in_rpaths(const struct closure *c, size_t i, const char *soname, char out[PATH_MAX])
{
	if (c->items[i].elf.runpath)
		return false;
	for (;; i = c->items[i].parent) {
		if (in_path(c, c->items[i].elf.rpath, &c->items[i], soname, out))
			return true;
		if (i == c->items[i].parent)
			return false;
	}
}

/* Where the loader finds what object number i needs. */
static bool find(const struct search *s, const struct closure *c, size_t i, const char *name,
		 char out[PATH_MAX])
{
	const struct object *o = &c->items[i];

	if (c->interp && (strcmp(name, c->interp) == 0 ||
			  (c->interp_soname && strcmp(name, c->interp_soname) == 0))) {
		snprintf(out, PATH_MAX, "%s", c->interp);
		return true;
	}
	if (strchr(name, '/'))
		return expand(name, strlen(name), o, out) && fits(out, &c->items[0].elf);
	return in_rpaths(c, i, name, out) || in_path(c, o->elf.runpath, o, name, out) ||
	       in_cache(s, c, o, name, out) || (!o->elf.nodeflib && in_default(c, name, out));
}

/* The object becomes known by the name it was asked for and by its own. */
static int take_in(struct search *s, struct closure *c, size_t parent, const char *name,
		   const char *found, struct err *err)
{
	AUTO_ELF struct elf elf = {0};
	char real[PATH_MAX];
	struct object *o;
	bool is_elf;
	int r;

	if (!realpath(found, real) || c->count == OBJECTS_MAX)
		return 0;
	r = dirs_add(&c->names, name, err);
	if (r < 0 || dirs_have(&s->libraries, real))
		return r;
	r = elf_read_path(found, &elf, &is_elf, err);
	if (r < 0) /* it was there a moment ago */
		return r == -ENOMEM ? r : 0;
	r = dirs_add(&s->libraries, real, err);
	if (r == 0 && elf.soname)
		r = dirs_add(&c->names, elf.soname, err);
	if (r < 0)
		return r;
	o = new_object(c, found);
	if (!o)
		return err_nomem(err);
	o->parent = parent;
	o->elf = elf;
	elf = (struct elf){0};
	return 0;
}

static int walk(struct search *s, struct closure *c, struct err *err)
{
	char found[PATH_MAX];

	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->items[i].elf.nneeded; k++) {
			/* The strings stay where they are when take_in moves the objects. */
			const char *name = c->items[i].elf.needed[k];
			int r = 0;

			if (!dirs_have(&c->names, name) && find(s, c, i, name, found))
				r = take_in(s, c, i, name, found, err);
			if (r < 0)
				return r;
		}
	return 0;
}

/* All directories of the search paths: those too in which nothing was found, or not asked for. */
static int note_paths(struct search *s, const struct closure *c, struct err *err)
{
	for (size_t i = 0; i < 2 * c->count; i++) {
		const struct object *o = &c->items[i / 2];
		const char *list = i % 2 ? o->elf.runpath : o->elf.rpath;
		char dir[PATH_MAX], real[PATH_MAX];

		while (next_dir(&list, o, dir)) {
			int r = realpath(dir, real) ? dirs_add(&s->paths, real, err) : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

void search_free(struct search **search)
{
	if (!*search)
		return;
	dirs_free(&(*search)->paths);
	dirs_free(&(*search)->libraries);
	ldcache_free(&(*search)->cache);
	free(*search);
	*search = NULL;
}

/* The program, and its loader, which is there before anything is searched. */
static int begin(struct closure *c, const struct program *program, const char *path,
		 struct err *err)
{
	AUTO_ELF struct elf interp = {0};
	struct object *o = new_object(c, path);
	struct err ignored;
	bool is_elf;
	int r;

	if (!o)
		return err_nomem(err);
	o->elf = program->elf;
	r = hwcaps_subdirs(o->elf.class, o->elf.machine, &c->subdirs, err);
	if (r == 0 && o->elf.soname)
		r = dirs_add(&c->names, o->elf.soname, err);
	if (r < 0 || !o->elf.interp || o->elf.interp[0] != '/' ||
	    elf_read_path(o->elf.interp, &interp, &is_elf, &ignored) < 0 || !is_elf)
		return r;
	c->interp = strdup(o->elf.interp);
	c->interp_soname = interp.soname;
	interp.soname = NULL;
	return c->interp ? 0 : err_nomem(err);
}

int search_from(const struct program *program, const char *path, struct search **out,
		struct err *err)
{
	CLEANUP(closure_free) struct closure c = {0};
	CLEANUP(search_free) struct search *s = calloc(1, sizeof *s);
	struct err ignored;
	int r;

	if (!s)
		return err_nomem(err);
	/* The loader goes on without a cache, and so does this. */
	ldcache_read("/etc/ld.so.cache", &s->cache, &ignored);
	r = begin(&c, program, path, err);
	if (r == 0)
		r = walk(s, &c, err);
	if (r == 0)
		r = note_paths(s, &c, err);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

/* -- places -- */

static int place(struct dirs *out, const char *dir, const char *soname, const struct elf *program,
		 struct err *err)
{
	char path[PATH_MAX], real[PATH_MAX];

	if (!found_in(dir, soname, program, path) || !realpath(dir, real))
		return 0;
	return dirs_add(out, real, err);
}

/* A directory of the search and its variants: all below glibc-hwcaps, and the legacy names and
 * their combinations. */
static int variants(struct dirs *out, const char *dir, const char *soname,
		    const struct elf *program, int depth, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *entry;
	bool hwcaps = strcmp(path_base(dir), "glibc-hwcaps") == 0;
	int r = hwcaps ? 0 : place(out, dir, soname, program, err);

	while (r == 0 && d && depth > 0 && (entry = readdir(d))) {
		char sub[PATH_MAX];
		int n;

		if (entry->d_name[0] == '.' || !(hwcaps || hwcaps_is_legacy(entry->d_name) ||
						 strcmp(entry->d_name, "glibc-hwcaps") == 0))
			continue;
		n = snprintf(sub, sizeof sub, "%s/%s", dir, entry->d_name);
		if (n > 0 && (size_t)n < sizeof sub)
			r = variants(out, sub, soname, program, hwcaps ? 0 : depth - 1, err);
	}
	return r;
}

static int cache_places(struct dirs *out, const struct search *s, const char *soname,
			const struct elf *program, struct err *err)
{
	int flags = cache_flags(program), r = 0;

	for (size_t i = 0; r == 0 && i < s->cache.count; i++) {
		const struct ldcache_entry *e = &s->cache.entries[i];
		char dir[PATH_MAX];

		if (e->flags != flags || strcmp(e->soname, soname) != 0 ||
		    strlen(e->path) >= PATH_MAX)
			continue;
		path_dir(e->path, dir);
		r = variants(out, dir, soname, program, 4, err);
	}
	return r;
}

static int default_places(struct dirs *out, const char *soname, const struct elf *program,
			  struct err *err)
{
	char dir[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && default_dir(program, i, dir); i++)
		r = variants(out, dir, soname, program, 4, err);
	return r;
}

static int prepare(struct program *program, const char *path, struct err *err)
{
	return program->search ? 0 : search_from(program, path, &program->search, err);
}

int program_places(struct program *program, const char *path, const char *soname,
		   const char *const *also, size_t nalso, struct dirs *out, struct err *err)
{
	AUTO_DIRS struct dirs found = {0};
	int r = prepare(program, path, err);

	for (size_t i = 0; r == 0 && i < program->search->paths.count; i++)
		r = variants(&found, program->search->paths.items[i], soname, &program->elf, 4,
			     err);
	if (r == 0)
		r = cache_places(&found, program->search, soname, &program->elf, err);
	if (r == 0)
		r = default_places(&found, soname, &program->elf, err);
	for (size_t i = 0; r == 0 && i < nalso; i++)
		r = variants(&found, also[i], soname, &program->elf, 4, err);
	if (r < 0)
		return r;
	*out = found;
	found = (struct dirs){0};
	return 0;
}

int program_closure(struct program *program, const char *path, struct dirs *out, struct err *err)
{
	AUTO_DIRS struct dirs copy = {0};
	int r = prepare(program, path, err);

	for (size_t i = 0; r == 0 && i < program->search->libraries.count; i++)
		r = dirs_add(&copy, program->search->libraries.items[i], err);
	if (r < 0)
		return r;
	*out = copy;
	copy = (struct dirs){0};
	return 0;
}
