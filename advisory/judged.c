#include "advisory/judged.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

static int source_order(const void *a, const void *b, void *ctx)
{
	const struct judged *items = ctx;

	return strcmp(items[*(const uint32_t *)a].source, items[*(const uint32_t *)b].source);
}

static int name_order(const void *a, const void *b, void *ctx)
{
	const struct judged *items = ctx;

	return strcmp(items[*(const uint32_t *)a].name, items[*(const uint32_t *)b].name);
}

int judged_index_make(const struct judged *items, size_t count, struct judged_index *out,
		      struct err *err)
{
	void *ctx = (void *)items; /* qsort_r(3) has no pointer to const */

	*out = (struct judged_index){.items = items, .count = count};
	out->by_source = calloc(count + 1, sizeof *out->by_source);
	out->by_name = calloc(count + 1, sizeof *out->by_name);
	if (!out->by_source || !out->by_name)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++)
		out->by_source[i] = out->by_name[i] = (uint32_t)i;
	qsort_r(out->by_source, count, sizeof *out->by_source, source_order, ctx);
	qsort_r(out->by_name, count, sizeof *out->by_name, name_order, ctx);
	return 0;
}

void judged_index_free(struct judged_index *index)
{
	free(index->by_source);
	free(index->by_name);
	*index = (struct judged_index){0};
}

/* As strcmp(3) of word, which has len bytes, NULs among them, and text. */
static int word_order(const char *word, size_t len, const char *text)
{
	size_t n = strlen(text);
	int order = memcmp(word, text, len < n ? len : n);

	return order ? order : (len > n) - (len < n);
}

static const char *text_of(const struct judged *j, bool source)
{
	return source ? j->source : j->name;
}

static size_t judged_range(const struct judged_index *index, const uint32_t *sorted, bool source,
			   const char *word, size_t len, const uint32_t **first)
{
	size_t low = 0, high = index->count, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (word_order(word, len, text_of(&index->items[sorted[middle]], source)) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	*first = sorted + low;
	while (len > 0 && low + n < index->count &&
	       word_order(word, len, text_of(&index->items[sorted[low + n]], source)) == 0)
		n++;
	return n;
}

size_t judged_by_source(const struct judged_index *index, const char *source, size_t len,
			const uint32_t **first)
{
	return judged_range(index, index->by_source, true, source, len, first);
}

size_t judged_by_name(const struct judged_index *index, const char *name, size_t len,
		      const uint32_t **first)
{
	return judged_range(index, index->by_name, false, name, len, first);
}
