#include "freeze/frozen.h"

#include <stdlib.h>
#include <string.h>

int freezing_add(struct freezing *f, const struct frozen *frozen, struct err *err)
{
	struct frozen *items = reallocarray(f->items, f->count + 1, sizeof *items);
	const char *before = frozen->before;

	if (!items)
		return err_nomem(err);
	f->items = items;
	items += f->count++;
	*items = (struct frozen){.name = strdup(frozen->name),
				 .version = strdup(frozen->version),
				 .arch = strdup(frozen->arch),
				 .before = before ? strdup(before) : NULL,
				 .changed = frozen->changed};
	return items->name && items->version && items->arch && (items->before || !before)
		       ? 0
		       : err_nomem(err);
}

int freezing_leave_out(struct freezing *f, const char *path, const char *why, struct err *err)
{
	struct left_out *left;

	for (size_t i = 0; i < f->nleft; i++)
		if (strcmp(f->left[i].path, path) == 0)
			return 0;
	left = reallocarray(f->left, f->nleft + 1, sizeof *left);
	if (!left)
		return err_nomem(err);
	f->left = left;
	left += f->nleft++;
	*left = (struct left_out){strdup(path), strdup(why)};
	return left->path && left->why ? 0 : err_nomem(err);
}

static int frozen_order(const void *a, const void *b)
{
	const struct frozen *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->arch, y->arch);
}

void freezing_sort(struct freezing *f)
{
	if (f->count)
		qsort(f->items, f->count, sizeof *f->items, frozen_order);
}

void freezing_free(struct freezing *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].name);
		free(f->items[i].version);
		free(f->items[i].arch);
		free(f->items[i].before);
	}
	for (size_t i = 0; i < f->nleft; i++) {
		free(f->left[i].path);
		free(f->left[i].why);
	}
	free(f->items);
	free(f->left);
	*f = (struct freezing){0};
}
