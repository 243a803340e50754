/* Strings, each kept once and known by a small number: comparing numbers is cheaper. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct intern {
	char **items; /* by number; allocated one by one, so the strings never move */
	size_t count;
	uint32_t *buckets; /* number + 1, 0: free; a power of two of them */
	size_t nbuckets;
	uint64_t key; /* random, so that nobody can choose strings with one hash */
};

void intern_begin(struct intern *names); /* before anything else */
/* The number of a string, which is added if it is new. */
int intern_add(struct intern *names, const char *string, size_t *number, struct err *err);
/* The hash of a number, by the same key. */
uint64_t intern_mix(const struct intern *names, uint64_t number);
void intern_free(struct intern *names);
