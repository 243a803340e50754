#include "base/strings.h"

#include "base/array.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes ownership of string; NULL is a failed allocation. */
static int append_string(struct strings *list, char *string, struct err *err)
{
	if (!string || ARRAY_GROW(list->items, list->count, err) < 0) {
		free(string);
		return err_nomem(err);
	}
	list->items[list->count++] = string;
	return 0;
}

int strings_add(struct strings *list, const char *string, struct err *err)
{
	return append_string(list, strdup(string), err);
}

int strings_add_once(struct strings *list, const char *string, struct err *err)
{
	return strings_have(list, string) ? 0 : strings_add(list, string, err);
}

int strings_addf(struct strings *list, struct err *err, const char *fmt, ...)
{
	char *string;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&string, fmt, ap);
	va_end(ap);
	return append_string(list, n < 0 ? NULL : string, err);
}

bool string_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool strings_have(const struct strings *list, const char *string)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], string) == 0)
			return true;
	return false;
}

static int string_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *list)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, string_order);
}

void strings_free(struct strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct strings){0};
}
