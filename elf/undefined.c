#include "elf/undefined.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void undefineds_free(struct undefineds *u)
{
	for (size_t i = 0; i < u->count; i++) {
		free(u->items[i].name);
		free(u->items[i].version);
	}
	free(u->items);
	*u = (struct undefineds){0};
}

int undefineds_add(struct undefineds *u, size_t object, const char *name, const char *version,
		   struct err *err)
{
	struct undefined one = {.object = object};
	size_t len = strlen(name) + (version ? strlen(version) : 0);

	if (len > UNDEFINED_TEXT - u->text)
		return err_set(err, E2BIG, "the names of its undefined symbols are too long");
	if (ARRAY_GROW(u->items, u->count, err) < 0)
		return -ENOMEM;
	one.name = strdup(name);
	one.version = version ? strdup(version) : NULL;
	u->items[u->count++] = one;
	u->text += len;
	return one.name && (!version || one.version) ? 0 : err_nomem(err);
}
