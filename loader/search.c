/* Places and libraries, by the closure's walk; the rules are in closure.h. */
#include "loader/search.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "loader/hwcaps.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void search_free(struct search **search)
{
	if (!*search)
		return;
	strings_free(&(*search)->paths);
	strings_free(&(*search)->libraries);
	closure_free(&(*search)->closure);
	scan_free(&(*search)->scan);
	free(*search);
	*search = NULL;
}

/* Where a need is a path itself: the file there may be one of a pinned name. */
static int note_named(struct search *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->closure.count; i++)
		for (size_t k = 0; r == 0 && k < s->closure.objects[i].nneeds; k++) {
			const struct need *n = &s->closure.objects[i].needs[k];
			char dir[PATH_MAX], real[PATH_MAX];

			if (n->rule != RULE_PATH || !n->path || strlen(n->path) >= PATH_MAX)
				continue;
			path_dir(n->path, dir);
			if (realpath(dir, real))
				r = strings_add_once(&s->paths, real, err);
		}
	return r;
}

/* All directories of the search paths: those too in which nothing was found, or not asked for. */
static int note_paths(struct search *s, struct err *err)
{
	AUTO_STRINGS struct strings named = {0};
	int r = closure_paths(&s->closure, s->scan, CLOSURE_NO_CWD, &named, err);

	for (size_t i = 0; r == 0 && i < named.count; i++) {
		char real[PATH_MAX];

		if (realpath(named.items[i], real))
			r = strings_add_once(&s->paths, real, err);
	}
	return r < 0 ? r : note_named(s, err);
}

static int note_libraries(struct search *s, struct err *err)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < s->closure.count; i++)
		if (s->closure.objects[i].wanted)
			r = strings_add_once(&s->libraries, s->closure.objects[i].canonical, err);
	return r;
}

int search_from(const char *path, struct search **out, struct err *err)
{
	CLEANUP(search_free) struct search *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return err_nomem(err);
	r = scan_new(NULL, &s->scan, err);
	if (r == 0)
		r = closure_of(s->scan, path, NULL, CLOSURE_NO_CWD, &s->closure, err);
	if (r == 0)
		r = note_paths(s, err);
	if (r == 0)
		r = note_libraries(s, err);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

/* -- places -- */

/* Is there, and of the program's architecture? The loader passes over others. */
static int fits(struct search *s, const char *path, bool *yes, struct err *err)
{
	const struct file *file;
	int r = scan_file(s->scan, path, &file, err);

	if (r == 0)
		*yes = !file->error && file->facts->is_elf && !file->facts->why &&
		       file->facts->elf.class == s->closure.ways->class &&
		       file->facts->elf.machine == s->closure.ways->machine;
	return r;
}

/* Search paths can name thousands of directories, each with its variants. */
#define PLACES_MAX 65536

static int place(struct strings *out, const char *dir, const char *soname, struct search *s,
		 struct err *err)
{
	char path[PATH_MAX], real[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/%s", dir, soname), r;
	bool yes = false;

	if (++s->places > PLACES_MAX)
		return err_set(err, E2BIG, "the loader may look for %s in more than %d places",
			       soname, PLACES_MAX);
	if (n < 0 || (size_t)n >= sizeof path)
		return 0;
	r = fits(s, path, &yes, err);
	if (r < 0 || !yes || !realpath(dir, real))
		return r;
	return strings_add_once(out, real, err);
}

/* All that lies below a directory glibc-hwcaps. */
static int hwcaps_places(struct strings *out, const char *dir, const char *soname, struct search *s,
			 struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *entry;
	int r = 0;

	while (r == 0 && d && (entry = readdir(d))) {
		char sub[PATH_MAX];
		int n = snprintf(sub, sizeof sub, "%s/%s", dir, entry->d_name);

		if (entry->d_name[0] != '.' && n > 0 && (size_t)n < sizeof sub)
			r = place(out, sub, soname, s, err);
	}
	return r;
}

/* A directory of the search and its variants: all below glibc-hwcaps, and the legacy names and
 * their combinations. They are asked for by name: to list some thousand libraries takes longer. */
static int variants(struct strings *out, const char *dir, const char *soname, struct search *s,
		    int depth, struct err *err)
{
	static const char hwcaps[] = "glibc-hwcaps";
	const char *name = hwcaps;
	int r = place(out, dir, soname, s, err);

	for (size_t i = 0; r == 0 && depth > 0 && name; name = hwcaps_legacy(i++)) {
		char sub[PATH_MAX];
		bool there = false;
		int n = snprintf(sub, sizeof sub, "%s/%s", dir, name);

		if (n > 0 && (size_t)n < sizeof sub)
			r = scan_dir(s->scan, sub, &there, err);
		if (r == 0 && there)
			r = name == hwcaps ? hwcaps_places(out, sub, soname, s, err)
					   : variants(out, sub, soname, s, depth - 1, err);
	}
	return r;
}

static int cache_places(struct strings *out, const char *soname, struct search *s, struct err *err)
{
	const struct ldcache *cache = scan_cache(s->scan, NULL);
	int r = 0;

	for (size_t i = 0; r == 0 && i < cache->count; i++) {
		const struct ldcache_entry *e = &cache->entries[i];
		char dir[PATH_MAX];

		if ((e->flags != s->closure.ways->wish.flags && e->flags != 1) ||
		    strcmp(e->soname, soname) != 0 || strlen(e->path) >= PATH_MAX)
			continue;
		path_dir(e->path, dir);
		r = variants(out, dir, soname, s, 4, err);
	}
	return r;
}

static int default_places(struct strings *out, const char *soname, struct search *s,
			  struct err *err)
{
	const struct strings *defaults = &s->closure.ways->defaults;
	int r = 0;

	for (size_t i = 0; r == 0 && i < defaults->count; i++)
		r = variants(out, defaults->items[i], soname, s, 4, err);
	return r;
}

static int prepare(struct program *program, const char *path, struct err *err)
{
	return program->search ? 0 : search_from(path, &program->search, err);
}

int program_places(struct program *program, const char *path, const char *soname,
		   const char *const *also, size_t nalso, struct strings *out, struct err *err)
{
	AUTO_STRINGS struct strings found = {0};
	int r = prepare(program, path, err);

	if (r == 0)
		program->search->places = 0;
	for (size_t i = 0; r == 0 && i < program->search->paths.count; i++)
		r = variants(&found, program->search->paths.items[i], soname, program->search, 4,
			     err);
	if (r == 0)
		r = cache_places(&found, soname, program->search, err);
	if (r == 0)
		r = default_places(&found, soname, program->search, err);
	for (size_t i = 0; r == 0 && i < nalso; i++)
		r = variants(&found, also[i], soname, program->search, 4, err);
	if (r < 0)
		return r;
	*out = found;
	found = (struct strings){0};
	return 0;
}

int program_closure(struct program *program, const char *path, struct strings *out, struct err *err)
{
	AUTO_STRINGS struct strings copy = {0};
	int r = prepare(program, path, err);

	for (size_t i = 0; r == 0 && i < program->search->libraries.count; i++)
		r = strings_add_once(&copy, program->search->libraries.items[i], err);
	if (r < 0)
		return r;
	*out = copy;
	copy = (struct strings){0};
	return 0;
}
