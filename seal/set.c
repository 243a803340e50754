#include "seal/set.h"

#include "base/array.h"
#include "base/path.h"
#include "store/layer.h"
#include "store/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANK_NAMED, RANK_TRIPLET, RANK_DEFAULT, RANK_OTHER };

void set_free(struct seal_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->items[i].name);
	free(set->items);
	*set = (struct seal_set){0};
}

static struct set_member *find_member(const struct seal_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i].name, name) == 0)
			return &set->items[i];
	return NULL;
}

bool set_has(const struct seal_set *set, const char *name)
{
	const struct set_member *m = find_member(set, name);

	return m && !m->ambiguous;
}

/* How well the directory of a library is searched. */
static int rank_of(const char *path, const char *triplet)
{
	static const char *const defaults[] = {"/lib",	 "/usr/lib",   "/usr/local/lib",
					       "/lib64", "/usr/lib64", "/usr/local/lib64"};
	char dir[PATH_MAX];

	path_dir(path, dir);
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
		size_t len = strlen(defaults[i]);

		if (strncmp(dir, defaults[i], len) != 0)
			continue;
		if (dir[len] == '/' && *triplet && strcmp(dir + len + 1, triplet) == 0)
			return RANK_TRIPLET;
		if (dir[len] == '\0')
			return RANK_DEFAULT;
	}
	return RANK_OTHER;
}

static int add_member(struct seal_set *set, const char *name, const struct digest *content,
		      int rank, struct err *err)
{
	if (ARRAY_GROW(set->items, set->count, err) < 0)
		return -ENOMEM;
	set->items[set->count] = (struct set_member){strdup(name), *content, rank, false};
	return set->items[set->count++].name ? 0 : err_nomem(err);
}

static int add_library(struct seal_set *set, const struct entry *e, int rank, struct err *err)
{
	struct set_member *m = find_member(set, e->soname);

	if (!m)
		return add_member(set, e->soname, &e->content, rank, err);
	if (rank < m->rank) {
		m->rank = rank;
		m->content = e->content;
		m->ambiguous = false;
	} else if (rank == m->rank && !digest_equal(&m->content, &e->content)) {
		m->ambiguous = true;
	}
	return 0;
}

int set_add_version(struct seal_set *set, const struct version *v, const char *triplet,
		    struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (e->type == ENTRY_FILE && e->soname && !strchr(e->soname, '/') &&
		    !strstr(e->path, "/glibc-hwcaps/"))
			r = add_library(set, e, rank_of(e->path, triplet), err);
	}
	return r;
}

int set_add(struct seal_set *set, const char *name, const struct digest *content, struct err *err)
{
	struct set_member *m = find_member(set, name);

	if (!m)
		return add_member(set, name, content, RANK_NAMED, err);
	m->content = *content;
	m->rank = RANK_NAMED;
	m->ambiguous = false;
	return 0;
}

int set_add_name(struct seal_set *set, const char *name, const char *soname, struct err *err)
{
	const struct set_member *m = find_member(set, soname);

	if (!m || m->ambiguous || find_member(set, name))
		return 0;
	return add_member(set, name, &m->content, m->rank, err);
}

/* The links as entries of a layer; the caller frees both. */
static int make_entries(const struct seal_set *set, const char *objects, struct layer_entry **out,
			char (**targets)[PATH_MAX], size_t *n, struct err *err)
{
	char object[OBJECT_PATH];
	int r = 0;

	*n = 0;
	*out = calloc(set->count + 1, sizeof **out);
	*targets = calloc(set->count + 1, sizeof **targets);
	if (!*out || !*targets)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < set->count; i++) {
		const struct set_member *m = &set->items[i];

		if (m->ambiguous)
			continue;
		object_path(&m->content, object);
		r = path_join(objects, object, (*targets)[i], err);
		(*out)[(*n)++] = (struct layer_entry){
			.type = LAYER_LINK, .path = m->name, .target = (*targets)[i]};
	}
	return r;
}

static int place_set(struct seal_set *set, const char *layers, struct err *err)
{
	int n = snprintf(set->dir, sizeof set->dir, "%s/%s/0", layers, set->id);

	return n < 0 || (size_t)n >= sizeof set->dir
		       ? err_set(err, ENAMETOOLONG, "%.64s...: path too long", layers)
		       : 0;
}

static int with_entries(struct seal_set *set, struct store *store, const char *layers,
			const char *objects, struct err *err)
{
	AUTO_FREE struct layer_entry *entries = NULL;
	AUTO_FREE char(*targets)[PATH_MAX] = NULL;
	size_t n;
	int r = make_entries(set, objects, &entries, &targets, &n, err);

	if (r == 0)
		r = store ? layer_build(store, layers, entries, n, set->id, err)
			  : layer_name(entries, n, set->id, err);
	return r < 0 ? r : place_set(set, layers, err);
}

int set_name(struct seal_set *set, const char *layers, const char *objects, struct err *err)
{
	return with_entries(set, NULL, layers, objects, err);
}

int set_build(struct seal_set *set, struct store *store, const char *layers, const char *objects,
	      struct err *err)
{
	return with_entries(set, store, layers, objects, err);
}
