/*
 * The search rules are ld.so(8)'s: DT_RPATH of the object that needs and of those that brought it
 * in (none of an object with DT_RUNPATH), LD_LIBRARY_PATH (the caller's business, left out here),
 * DT_RUNPATH of the object alone, the cache, the default directories.
 */
#include "labeler/search.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OBJECTS_MAX 4096

void dirs_free(struct dirs *dirs)
{
	for (size_t i = 0; i < dirs->count; i++)
		free(dirs->items[i]);
	free(dirs->items);
	*dirs = (struct dirs){0};
}

/* Adds a copy unless it is there. */
static int add(struct dirs *dirs, const char *dir, struct err *err)
{
	char **more;

	for (size_t i = 0; i < dirs->count; i++)
		if (strcmp(dirs->items[i], dir) == 0)
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
	struct object *items;
	size_t count;
};

static void closure_free(struct closure *c)
{
	/* The first is the program's, which is not ours. */
	for (size_t i = 0; i < c->count; i++) {
		if (i > 0)
			elf_free(&c->items[i].elf);
		free(c->items[i].path);
	}
	free(c->items);
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

/* $ORIGIN, $LIB and $PLATFORM, with or without braces; false if the result is too long or the token
 * is unknown. */
static bool expand(const char *dir, size_t len, const struct object *o, char out[PATH_MAX])
{
	static const struct {
		const char *name;
		int what;
	} tokens[] = {{"{ORIGIN}", 0}, {"ORIGIN", 0},	  {"{LIB}", 1},
		      {"LIB", 1},      {"{PLATFORM}", 2}, {"PLATFORM", 2}};
	char origin[PATH_MAX], lib[PATH_MAX];
	const char *values[3] = {origin, lib, o->elf.machine == 62 ? "x86_64" : "i686"};
	size_t used = 0;

	path_dir(o->path, origin);
	snprintf(lib, sizeof lib, "lib/%s", elf_triplet(o->elf.class, o->elf.machine));
	for (size_t i = 0; i < len;) {
		const char *put = dir + i;
		size_t put_len = 1, skip = 1;

		for (size_t t = 0; dir[i] == '$' && t < sizeof tokens / sizeof *tokens; t++) {
			size_t n = strlen(tokens[t].name);

			if (n <= len - i - 1 && strncmp(dir + i + 1, tokens[t].name, n) == 0) {
				put = values[tokens[t].what];
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

/* Every directory of a search path: noted, and asked for soname if that is not found yet. */
static int walk_path(const char *list, const struct object *o, const char *soname,
		     const struct elf *program, struct search *s, char found[PATH_MAX],
		     struct err *err)
{
	char dir[PATH_MAX], real[PATH_MAX];

	for (const char *p = list; p && *p; p += strspn(p, ":;")) {
		size_t len = strcspn(p, ":;");
		int r = 0;

		if (expand(p, len, o, dir) && realpath(dir, real)) {
			r = add(&s->paths, real, err);
			if (!*found && !found_in(dir, soname, program, found))
				*found = '\0';
		}
		if (r < 0)
			return r;
		p += len;
	}
	return 0;
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

static bool in_cache(const struct search *s, const char *soname, const struct elf *program,
		     char out[PATH_MAX])
{
	int flags = cache_flags(program);

	for (size_t i = 0; i < s->cache.count; i++) {
		const struct ldcache_entry *e = &s->cache.entries[i];

		if (e->flags == flags && strcmp(e->soname, soname) == 0 &&
		    strlen(e->path) < PATH_MAX && fits(e->path, program)) {
			snprintf(out, PATH_MAX, "%s", e->path);
			return true;
		}
	}
	return false;
}

static bool in_default(const char *soname, const struct elf *program, char out[PATH_MAX])
{
	const char *triplet = elf_triplet(program->class, program->machine);
	static const char *const roots[] = {"/lib/", "/usr/lib/"};
	char dir[PATH_MAX];

	for (size_t i = 0; i < 2; i++) {
		snprintf(dir, sizeof dir, "%s%s", roots[i], triplet);
		if (found_in(dir, soname, program, out))
			return true;
	}
	return found_in(program->class == 64 ? "/lib64" : "/lib", soname, program, out) ||
	       found_in(program->class == 64 ? "/usr/lib64" : "/usr/lib", soname, program, out) ||
	       found_in("/lib", soname, program, out) || found_in("/usr/lib", soname, program, out);
}

/* Finds what object number i needs; *found stays empty if nothing does. */
static int find(struct search *s, const struct closure *c, size_t i, const char *soname,
		char found[PATH_MAX], struct err *err)
{
	const struct elf *program = &c->items[0].elf;
	const struct object *o = &c->items[i];
	int r = 0;

	found[0] = '\0';
	if (strchr(soname, '/')) {
		if (strlen(soname) < PATH_MAX && fits(soname, program))
			snprintf(found, PATH_MAX, "%s", soname);
		return 0;
	}
	for (size_t at = i; r == 0 && !o->elf.runpath; at = c->items[at].parent) {
		r = walk_path(c->items[at].elf.rpath, &c->items[at], soname, program, s, found,
			      err);
		if (at == c->items[at].parent)
			break;
	}
	if (r == 0)
		r = walk_path(o->elf.runpath, o, soname, program, s, found, err);
	if (r < 0 || *found)
		return r;
	if (!in_cache(s, soname, program, found) &&
	    (o->elf.nodeflib || !in_default(soname, program, found)))
		found[0] = '\0';
	return 0;
}

static int take_in(struct search *s, struct closure *c, size_t parent, const char *found,
		   struct err *err)
{
	char real[PATH_MAX];
	struct object *o;
	size_t before = s->libraries.count;
	bool is_elf;
	int r;

	if (!realpath(found, real))
		return 0;
	r = add(&s->libraries, real, err);
	if (r < 0 || s->libraries.count == before || c->count == OBJECTS_MAX)
		return r;
	o = new_object(c, found);
	if (!o)
		return err_nomem(err);
	o->parent = parent;
	return elf_read_path(found, &o->elf, &is_elf, err);
}

static int walk(struct search *s, struct closure *c, struct err *err)
{
	char found[PATH_MAX];

	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->items[i].elf.nneeded; k++) {
			int r = find(s, c, i, c->items[i].elf.needed[k], found, err);

			if (r == 0 && *found)
				r = take_in(s, c, i, found, err);
			if (r < 0)
				return r;
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

int search_from(const struct program *program, const char *path, struct search **out,
		struct err *err)
{
	CLEANUP(closure_free) struct closure c = {0};
	CLEANUP(search_free) struct search *s = calloc(1, sizeof *s);
	struct object *o = new_object(&c, path);
	struct err ignored;
	int r;

	if (!s || !o)
		return err_nomem(err);
	o->elf = program->elf;
	/* The loader goes on without a cache, and so does this. */
	ldcache_read("/etc/ld.so.cache", &s->cache, &ignored);
	/* A path that finds nothing is searched all the same for what a pin would bring. */
	r = walk(s, &c, err);
	for (size_t i = 0; r == 0 && i < c.count; i++) {
		char found[PATH_MAX] = "";

		r = walk_path(c.items[i].elf.rpath, &c.items[i], "", &program->elf, s, found, err);
		if (r == 0)
			r = walk_path(c.items[i].elf.runpath, &c.items[i], "", &program->elf, s,
				      found, err);
	}
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
	return add(out, real, err);
}

static bool is_legacy(const char *name)
{
	static const char *const legacy[] = {"tls",  "haswell", "xeon_phi", "avx512_1", "x86_64",
					     "i386", "i486",	"i586",	    "i686",	"sse2"};

	for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++)
		if (strcmp(name, legacy[i]) == 0)
			return true;
	return false;
}

/* A directory of the search and its variants: all below glibc-hwcaps, and the legacy names and
 * their combinations. */
static int variants(struct dirs *out, const char *dir, const char *soname,
		    const struct elf *program, int depth, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *entry;
	bool hwcaps = strcmp(path_base(dir), "glibc-hwcaps") == 0;
	int r = place(out, dir, soname, program, err);

	while (r == 0 && d && depth > 0 && (entry = readdir(d))) {
		char sub[PATH_MAX];
		int n;

		if (entry->d_name[0] == '.' || !(hwcaps || is_legacy(entry->d_name) ||
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
		r = add(&copy, program->search->libraries.items[i], err);
	if (r < 0)
		return r;
	*out = copy;
	copy = (struct dirs){0};
	return 0;
}
