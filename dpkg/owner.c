#include "dpkg/owner.h"

#include "base/path.h"
#include "dpkg/tool.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_MAX 200 /* names in one search, so that their patterns fit into a command line */

size_t owner_names(const char *path, const char *names[2])
{
	char place[PATH_MAX];
	struct err ignored;

	names[0] = path;
	names[1] = path + 4;
	if (strncmp(path, "/usr/", 5) != 0 || path_place(names[1], place, &ignored) < 0)
		return 1;
	return strcmp(place, path) == 0 ? 2 : 1;
}

/* -- searching -- */

/* What dpkg has of a path: owner is a package, or NULL if several have it or it is diverted. */
struct owner_line {
	const char *path, *owner;
	bool diverted;
};
typedef int owner_line_fn(void *ctx, const struct owner_line *line, struct err *err);

/* dpkg-query searches for patterns. Writes the one for name to *to and moves *to behind it. */
static void write_pattern(char **to, const char *name)
{
	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			*(*to)++ = '\\';
		*(*to)++ = *name;
	}
	*(*to)++ = '\0';
}

/* "zlib1g:amd64: /lib/x", "a, b: /usr/y", "diversion by a from: /usr/z", "local diversion to:
 * ...". */
static int read_owner_line(char *line, owner_line_fn *each, void *ctx, struct err *err)
{
	char *colon = strstr(line, ": /");
	struct owner_line found = {.owner = line};

	if (!colon)
		return 0;
	*colon = '\0';
	found.path = colon + 2;
	found.diverted = strncmp(line, "diversion by ", 13) == 0 ||
			 strncmp(line, "local diversion ", 16) == 0;
	if (found.diverted || strchr(line, ','))
		found.owner = NULL;
	return each(ctx, &found, err);
}

static int search_some(char *const *names, size_t n, owner_line_fn *each, void *ctx,
		       struct err *err)
{
	const char *argv[SEARCH_MAX + 4] = {"dpkg-query", "--search", "--"};
	AUTO_FREE char *patterns = NULL, *text = NULL;
	char *to, *rest, *line;
	size_t room = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		room += 2 * strlen(names[i]) + 1;
	patterns = to = malloc(room);
	if (!patterns)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		argv[3 + i] = to;
		write_pattern(&to, names[i]);
	}
	r = dpkg_ask(argv, &text, err);
	rest = text;
	for (r = r < 0 ? r : 0; r == 0 && (line = strsep(&rest, "\n"));)
		r = read_owner_line(line, each, ctx, err);
	return r;
}

/* Calls each with every line of dpkg's about one of the names. */
static int search_owners(const struct strings *names, owner_line_fn *each, void *ctx,
			 struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && dpkg_present() && i < names->count; i += SEARCH_MAX) {
		size_t left = names->count - i;

		r = search_some(names->items + i, left < SEARCH_MAX ? left : SEARCH_MAX, each, ctx,
				err);
	}
	return r < 0 ? err_wrap(err, r, "cannot ask dpkg which packages own files") : 0;
}

/* -- names -- */

static int add_owned(void *ctx, const struct owner_line *line, struct err *err)
{
	return line->diverted ? 0 : strings_add(ctx, line->path, err);
}

int owner_find(const struct strings *names, struct strings *owned, struct err *err)
{
	return search_owners(names, add_owned, owned, err);
}

/* -- packages -- */

struct owners {
	struct strings names; /* two at most for each path, which is of[] of them */
	size_t *of;
	const char **packages; /* of each path, in found; NULL: none so far */
	bool *unclear;
	struct strings found;
};

static void owners_free(struct owners *o)
{
	strings_free(&o->names);
	strings_free(&o->found);
	free(o->of);
	free(o->packages);
	free(o->unclear);
}

static int owners_begin(struct owners *o, const char *const *paths, size_t n, struct err *err)
{
	int r = 0;

	o->of = calloc(2 * n + 1, sizeof *o->of);
	o->packages = calloc(n + 1, sizeof *o->packages);
	o->unclear = calloc(n + 1, sizeof *o->unclear);
	if (!o->of || !o->packages || !o->unclear)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *names[2];
		size_t count = owner_names(paths[i], names);

		for (size_t k = 0; r == 0 && k < count; k++) {
			o->of[o->names.count] = i;
			r = strings_add(&o->names, names[k], err);
		}
	}
	return r;
}

/* found's copy of a package's name. */
static const char *keep_name(struct owners *o, const char *package, struct err *err)
{
	if (strings_add_once(&o->found, package, err) < 0)
		return NULL;
	for (size_t i = 0; i < o->found.count; i++)
		if (strcmp(o->found.items[i], package) == 0)
			return o->found.items[i];
	return NULL;
}

static int note_owner(void *ctx, const struct owner_line *line, struct err *err)
{
	struct owners *o = ctx;
	const char *package = line->owner ? keep_name(o, line->owner, err) : NULL;

	if (line->owner && !package)
		return err_nomem(err);
	for (size_t i = 0; i < o->names.count; i++) {
		size_t path = o->of[i];

		if (strcmp(o->names.items[i], line->path) != 0)
			continue;
		if (!package || (o->packages[path] && o->packages[path] != package))
			o->unclear[path] = true;
		else
			o->packages[path] = package;
	}
	return 0;
}

/* The properties of the packages that are the only owner of a path. */
static int show_owners(const struct owners *o, size_t n, struct packages *out, struct err *err)
{
	AUTO_FREE const char **clear = calloc(o->found.count + 1, sizeof *clear);
	size_t nclear = 0;

	if (!clear)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		bool known = !o->packages[i] || o->unclear[i];

		for (size_t k = 0; k < nclear && !known; k++)
			known = clear[k] == o->packages[i];
		if (!known)
			clear[nclear++] = o->packages[i];
	}
	return nclear ? packages_installed(clear, nclear, out, err) : 0;
}

static size_t package_number(const struct packages *packages, const char *query)
{
	for (size_t i = 0; query && i < packages->count; i++)
		if (strcmp(packages->items[i].query, query) == 0)
			return i;
	return OWNER_NONE;
}

int packages_owning(const char *const *paths, size_t n, struct packages *out, size_t **of,
		    struct err *err)
{
	CLEANUP(owners_free) struct owners o = {0};
	AUTO_FREE size_t *numbers = calloc(n + 1, sizeof *numbers);
	int r = numbers ? owners_begin(&o, paths, n, err) : err_nomem(err);

	if (r == 0)
		r = search_owners(&o.names, note_owner, &o, err);
	if (r == 0)
		r = show_owners(&o, n, out, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		numbers[i] = o.unclear[i] ? OWNER_NONE : package_number(out, o.packages[i]);
	*of = numbers;
	numbers = NULL;
	return 0;
}
