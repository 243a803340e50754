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

struct package_lists {
	struct package_files *items;
	size_t count;
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

static void package_lists_free(struct package_lists *lists)
{
	for (size_t i = 0; lists->items && i < lists->count; i++)
		package_files_free(&lists->items[i]);
	free(lists->items);
}

int packages_match(const char *const *queries, size_t nqueries, const char *const *paths,
		   size_t npaths, size_t *of, bool *libraries, struct err *err)
{
	AUTO_FREE struct listed_path *sorted = calloc(npaths + 1, sizeof *sorted);
	CLEANUP(package_lists_free)
	struct package_lists lists = {calloc(nqueries + 1, sizeof *lists.items), nqueries};
	struct list_search s = {.sorted = sorted, .n = npaths, .of = of, .libraries = libraries};
	int r;

	if (!sorted || !lists.items)
		return err_nomem(err);
	for (size_t i = 0; i < npaths; i++) {
		sorted[i] = (struct listed_path){paths[i], i};
		of[i] = OWNER_NONE;
	}
	memset(libraries, 0, nqueries * sizeof *libraries);
	if (nqueries == 0)
		return 0;
	qsort(sorted, npaths, sizeof *sorted, by_listed_path);
	r = packages_files(queries, nqueries, lists.items, err);
	for (size_t i = 0; r == 0 && i < nqueries; i++)
		for (size_t k = 0; k < lists.items[i].count; k++)
			match_path(&s, lists.items[i].items[k].path, i);
	return r;
}
