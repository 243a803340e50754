#include "store/restore.h"

#include "base/cleanup.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

static bool has_content(const struct version *v, const struct digest *content)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_FILE &&
		    digest_equal(&v->entries[i].content, content))
			return true;
	return false;
}

void restore_object(struct store *store, const struct digest *content,
		    char text[ORIGIN_RESTORE_MAX])
{
	AUTO_VERSIONS struct versions all = {0};
	struct err ignored;

	snprintf(text, ORIGIN_RESTORE_MAX, "add its version again to restore it");
	if (store_list(store, &all, &ignored) < 0)
		return;
	for (size_t i = 0; i < all.count; i++)
		if (has_content(&all.items[i], content)) {
			origin_restore(store, &all.items[i].digest, text);
			return;
		}
}
