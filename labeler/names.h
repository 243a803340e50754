/* Strings, each kept once and known by a small number: what is compared often is compared as one.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct names {
	char **items; /* by number; each its own allocation, so pointers stay good */
	size_t count;
	uint32_t *buckets; /* number + 1, 0: free; a power of two of them */
	size_t nbuckets;
};

/* The number of a string, which is added where it is new. */
int names_add(struct names *names, const char *string, size_t *number, struct err *err);
void names_free(struct names *names);
