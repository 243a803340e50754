#include "labeler/names.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *s)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h ^ h >> 29;
}

static uint32_t *bucket(const struct names *n, const char *string)
{
	size_t i = (size_t)hash(string) & (n->nbuckets - 1);

	while (n->buckets[i] && strcmp(n->items[n->buckets[i] - 1], string) != 0)
		i = (i + 1) & (n->nbuckets - 1);
	return &n->buckets[i];
}

/* Half of the buckets at least are free. */
static int grow(struct names *n, struct err *err)
{
	size_t want = n->nbuckets ? 2 * n->nbuckets : 1024;
	struct names more = {.items = n->items, .nbuckets = want};
	char **items;

	items = reallocarray(n->items, want / 2, sizeof *items);
	if (!items)
		return err_nomem(err);
	n->items = more.items = items;
	more.buckets = calloc(want, sizeof *more.buckets);
	if (!more.buckets)
		return err_nomem(err);
	for (size_t i = 0; i < n->count; i++)
		*bucket(&more, n->items[i]) = (uint32_t)(i + 1);
	free(n->buckets);
	n->buckets = more.buckets;
	n->nbuckets = want;
	return 0;
}

int names_add(struct names *n, const char *string, size_t *number, struct err *err)
{
	uint32_t *b;

	if (2 * (n->count + 1) > n->nbuckets) {
		int r = grow(n, err);

		if (r < 0)
			return r;
	}
	b = bucket(n, string);
	if (!*b) {
		n->items[n->count] = strdup(string);
		if (!n->items[n->count])
			return err_nomem(err);
		*b = (uint32_t)++n->count;
	}
	*number = *b - 1;
	return 0;
}

void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
	free(n->buckets);
	*n = (struct names){0};
}
