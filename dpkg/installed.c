#include "dpkg/installed.h"

#include "base/array.h"

#include <stdlib.h>

/* One answer of dpkg. */
struct installed_lists {
	struct packages packages;
	struct package_files *files; /* one for each package */
};

static struct {
	struct strings expected, asked; /* names */
	struct installed_lists *items;
	size_t count;
} told;

static void installed_lists_free(struct installed_lists *lists)
{
	for (size_t i = 0; lists->files && i < lists->packages.count; i++)
		package_files_free(&lists->files[i]);
	free(lists->files);
	packages_free(&lists->packages);
}

int installed_expect(const char *name, struct err *err)
{
	return strings_add_once(&told.expected, name, err);
}

static int read_installed(const struct strings *names, struct installed_lists *out, struct err *err)
{
	AUTO_FREE const char **queries = NULL;
	int r = packages_installed((const char *const *)names->items, names->count, &out->packages,
				   err);
	const size_t n = out->packages.count;

	if (r < 0)
		return r;
	queries = calloc(n + 1, sizeof *queries);
	out->files = calloc(n + 1, sizeof *out->files);
	if (!queries || !out->files)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		queries[i] = out->packages.items[i].query;
	return packages_files(queries, n, out->files, err);
}

static int add_fresh(struct strings *fresh, const struct strings *names, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count; i++)
		if (!strings_have(&told.asked, names->items[i]))
			r = strings_add_once(fresh, names->items[i], err);
	return r;
}

int installed_ask(const struct strings *names, struct err *err)
{
	CLEANUP(installed_lists_free) struct installed_lists lists = {0};
	AUTO_STRINGS struct strings fresh = {0};
	int r = add_fresh(&fresh, names, err);

	if (r < 0 || fresh.count == 0)
		return r;
	r = add_fresh(&fresh, &told.expected, err);
	if (r == 0)
		r = read_installed(&fresh, &lists, err);
	for (size_t i = 0; r == 0 && i < fresh.count; i++)
		r = strings_add(&told.asked, fresh.items[i], err);
	if (r < 0 || ARRAY_GROW(told.items, told.count, err) < 0)
		return r < 0 ? r : -ENOMEM;
	told.items[told.count++] = lists;
	lists = (struct installed_lists){0};
	return 0;
}

bool installed_get(size_t n, struct installed *out)
{
	for (size_t i = 0; i < told.count; n -= told.items[i++].packages.count)
		if (n < told.items[i].packages.count) {
			*out = (struct installed){&told.items[i].packages.items[n],
						  &told.items[i].files[n]};
			return true;
		}
	return false;
}
