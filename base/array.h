/* Arrays that grow by one item at a time. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for one more of count items; items is the array's pointer, NULL if it is empty. The room
 * is the power of two from count on: an array that grows so grows in no other way. -ENOMEM leaves the
 * array as it is. */
#define ARRAY_GROW(items, count, err) array_grow(&(items), count, sizeof *(items), err)

static inline int array_grow(void *pointer, size_t count, size_t size, struct err *err)
{
	void *items;

	if (count & (count - 1))
		return 0;
	memcpy(&items, pointer, sizeof items);
	items = reallocarray(items, count ? 2 * count : 1, size);
	if (!items)
		return err_nomem(err);
	memcpy(pointer, &items, sizeof items);
	return 0;
}
