#include "dpkg/owner.h"

#include "base/path.h"
#include "dpkg/listing.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listed_path {
	const char *path;
	size_t number;
};

struct list_search {
	struct listed_path *sorted;
	size_t n;
	size_t *of;
	bool *libraries;
	struct listing_top top;
};

static int by_listed_path(const void *a, const void *b)
{
	return strcmp(((const struct listed_path *)a)->path, ((const struct listed_path *)b)->path);
}

static bool is_library(const char *path)
{
	const char *base = path_base(path);

	return strncmp(base, "lib", 3) == 0 && strstr(base, ".so.") && strstr(path, "/lib/");
}

static void match_path(struct list_search *s, const char *path, size_t package)
{
	char usr[PATH_MAX + 8];
	struct listed_path key = {path, 0};
	const struct listed_path *found;

	if (listing_is_merged(&s->top, path)) {
		snprintf(usr, sizeof usr, "/usr%.*s", PATH_MAX, path);
		key.path = usr;
	}
	s->libraries[package] |= is_library(path);
	found = bsearch(&key, s->sorted, s->n, sizeof key, by_listed_path);
	if (!found)
		return;
	while (found > s->sorted && by_listed_path(found - 1, &key) == 0)
		found--;
	for (; found < s->sorted + s->n && by_listed_path(found, &key) == 0; found++)
		s->of[found->number] = package;
}

/* text: as packages_list fills it. */
static void match_lists(struct list_search *s, char *text, size_t npackages)
{
	size_t package = 0;

	for (char *line; package < npackages && (line = strsep(&text, "\n"));)
		if (*line == '\0')
			package++;
		else if (*line == '/')
			match_path(s, line, package);
}

int packages_match(const char *const *queries, size_t nqueries, const char *const *paths,
		   size_t npaths, size_t *of, bool *libraries, struct err *err)
{
	AUTO_FREE struct listed_path *sorted = calloc(npaths + 1, sizeof *sorted);
	AUTO_FREE char *text = NULL;
	struct list_search s = {.sorted = sorted, .n = npaths, .of = of, .libraries = libraries};
	int r;

	if (!sorted)
		return err_nomem(err);
	for (size_t i = 0; i < npaths; i++) {
		sorted[i] = (struct listed_path){paths[i], i};
		of[i] = OWNER_NONE;
	}
	memset(libraries, 0, nqueries * sizeof *libraries);
	if (nqueries == 0)
		return 0;
	qsort(sorted, npaths, sizeof *sorted, by_listed_path);
	r = packages_list(queries, nqueries, &text, err);
	if (r == 0)
		match_lists(&s, text, nqueries);
	return r;
}
