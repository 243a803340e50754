#include "store/manifest.h"

#include "base/array.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>

struct digest_list {
	struct digest *items;
	size_t count;
};

static int add_name(void *ctx, int dir, const char *name, struct err *err)
{
	struct digest_list *list = ctx;
	struct digest digest;

	(void)dir;
	if (!digest_parse(name, &digest))
		return 0;
	if (ARRAY_GROW(list->items, list->count, err) < 0)
		return -ENOMEM;
	list->items[list->count++] = digest;
	return 0;
}

int manifest_names(const struct store *store, struct digest **out, size_t *n, struct err *err)
{
	struct digest_list list = {0};
	int r = root_each_name(store->versions, add_name, &list, err);

	*out = NULL;
	*n = 0;
	if (r < 0) {
		free(list.items);
		return err_wrap(err, r, "cannot list the store's versions");
	}
	if (list.count > 1)
		qsort(list.items, list.count, sizeof *list.items, digest_compare);
	*out = list.items;
	*n = list.count;
	return 0;
}
