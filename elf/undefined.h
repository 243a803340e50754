/* Undefined symbols: references that no object of the global scope defines. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define UNDEFINED_MAX 65536
#define UNDEFINED_TEXT (8u << 20) /* bytes of all their names and versions */

struct undefined {
	size_t object; /* number of the object that refers to it */
	char *name;
	char *version; /* NULL: any version will do */
};

struct undefineds {
	struct undefined *items;
	size_t count;
	size_t text; /* bytes of the names and versions */
};

/* Copies both strings. -E2BIG: the text would be longer than UNDEFINED_TEXT. */
int undefineds_add(struct undefineds *undefineds, size_t object, const char *name,
		   const char *version, struct err *err);
void undefineds_free(struct undefineds *undefineds);
#define AUTO_UNDEFINEDS CLEANUP(undefineds_free)
