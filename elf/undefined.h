/* References that nothing answers. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define UNDEFINED_MAX 65536
#define UNDEFINED_TEXT (8u << 20) /* all their names */

struct undefined {
	size_t object; /* of the closure: which refers to it */
	char *name;
	char *version; /* NULL: any */
};

struct undefineds {
	struct undefined *items;
	size_t count;
	size_t text; /* bytes of the names and versions */
};

/* Copies. -E2BIG: there is no room for more text. */
int undefineds_add(struct undefineds *undefineds, size_t object, const char *name,
		   const char *version, struct err *err);
void undefineds_free(struct undefineds *undefineds);
#define AUTO_UNDEFINEDS CLEANUP(undefineds_free)
