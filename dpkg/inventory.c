#include "dpkg/inventory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void inventory_free(struct inventory *inventory)
{
	for (size_t i = 0; inventory->files && i < inventory->packages.count; i++)
		package_files_free(&inventory->files[i]);
	free(inventory->files);
	free(inventory->paths);
	free(inventory->buckets);
	free(inventory->canonical);
	packages_free(&inventory->packages);
	*inventory = (struct inventory){0};
}

/* -- reading -- */

static int list_files(struct inventory *v, struct err *err)
{
	const size_t n = v->packages.count;
	AUTO_FREE const char **queries = calloc(n + 1, sizeof *queries);
	int r;

	v->files = calloc(n + 1, sizeof *v->files);
	if (!queries || !v->files)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		queries[i] = v->packages.items[i].query;
	r = packages_files(queries, n, v->files, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		for (size_t k = 0; k < v->files[i].count; k++)
			v->packages.items[i].programs |=
				listing_is_program(v->files[i].items[k].path);
	return r;
}

/* -- the index -- */

static uint32_t path_hash(const char *path)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 16777619u;
	return hash;
}

static size_t find_bucket(const struct inventory *v, const char *path)
{
	size_t at = path_hash(path) & (v->nbuckets - 1);

	while (v->buckets[at] && strcmp(v->paths[v->buckets[at] - 1].path, path) != 0)
		at = (at + 1) & (v->nbuckets - 1);
	return at;
}

static void index_path(struct inventory *v, const struct package_file *file, const char *path,
		       size_t package)
{
	size_t at = find_bucket(v, path);
	struct inventory_path *p = &v->paths[v->npaths++];

	*p = (struct inventory_path){path, package, file->from != file->path || file->diverts,
				     v->buckets[at]};
	v->buckets[at] = (uint32_t)v->npaths;
}

/* "/usr/lib/x" for "/lib/x" where /lib is a link to usr/lib. to has room for it. */
static const char *canonical_path(struct listing_top *top, const char *path, char **to)
{
	char *at = *to;

	if (!listing_is_merged(top, path))
		return path;
	*to += sprintf(at, "/usr%s", path) + 1;
	return at;
}

static int index_paths(struct inventory *v, struct err *err)
{
	struct listing_top top = {0};
	size_t count = 0, room = 1;
	char *to;

	for (size_t i = 0; i < v->packages.count; i++)
		for (size_t k = 0; k < v->files[i].count; k++) {
			const char *path = v->files[i].items[k].path;

			room += listing_is_merged(&top, path) ? strlen(path) + 5 : 0;
			count++;
		}
	for (v->nbuckets = 16; v->nbuckets < 2 * count;)
		v->nbuckets *= 2;
	v->paths = calloc(count + 1, sizeof *v->paths);
	v->buckets = calloc(v->nbuckets, sizeof *v->buckets);
	v->canonical = to = malloc(room);
	if (!v->paths || !v->buckets || !to || count > UINT32_MAX / 4)
		return err_nomem(err);
	for (size_t i = 0; i < v->packages.count; i++)
		for (size_t k = 0; k < v->files[i].count; k++) {
			const struct package_file *f = &v->files[i].items[k];

			index_path(v, f, canonical_path(&top, f->path, &to), i);
		}
	return 0;
}

int inventory_read(struct inventory *out, struct err *err)
{
	AUTO_INVENTORY struct inventory v = {0};
	int r = packages_installed(NULL, 0, &v.packages, err);

	if (r == 0)
		r = list_files(&v, err);
	if (r == 0)
		r = index_paths(&v, err);
	if (r < 0)
		return r;
	*out = v;
	v = (struct inventory){0};
	return 0;
}

/* -- searching -- */

const struct inventory_path *inventory_find(const struct inventory *v, const char *path)
{
	uint32_t number = v->nbuckets ? v->buckets[find_bucket(v, path)] : 0;

	return number ? &v->paths[number - 1] : NULL;
}

const struct inventory_path *inventory_next(const struct inventory *v,
					    const struct inventory_path *path)
{
	return path->other ? &v->paths[path->other - 1] : NULL;
}

static size_t find_owner(const struct inventory *v, const char *path, bool diverted)
{
	const struct inventory_path *first = inventory_find(v, path);

	for (const struct inventory_path *p = first; p; p = inventory_next(v, p))
		if (p->package != first->package || (p->diverted && !diverted))
			return OWNER_NONE;
	return first ? first->package : OWNER_NONE;
}

size_t inventory_owner(const struct inventory *v, const char *path)
{
	return find_owner(v, path, false);
}

size_t inventory_owner_diverted(const struct inventory *v, const char *path)
{
	return find_owner(v, path, true);
}

size_t inventory_package(const struct inventory *v, const char *name, const char *arch)
{
	size_t found = OWNER_NONE;

	for (size_t i = 0; i < v->packages.count; i++) {
		const struct package *p = &v->packages.items[i];

		if (strcmp(p->name, name) != 0)
			continue;
		if (strcmp(p->arch, arch) == 0 || strcmp(p->arch, "all") == 0)
			return i;
		found = i;
	}
	return found;
}
