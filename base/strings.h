/* Lists of strings. A list owns its strings; a list of zeros is empty. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct strings {
	char **items;
	size_t count;
};

/* Each appends a copy. After an error the list is unchanged, and the caller still frees it. */
int strings_add(struct strings *list, const char *string, struct err *err);
int strings_add_once(struct strings *list, const char *string, struct err *err); /* if it is new */
int strings_addf(struct strings *list, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

bool string_equal(const char *a, const char *b); /* either may be NULL, which equals NULL alone */
bool strings_have(const struct strings *list, const char *string);
void strings_sort(struct strings *list); /* by byte values */

void strings_free(struct strings *list);
#define AUTO_STRINGS CLEANUP(strings_free)
