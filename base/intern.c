#include "base/intern.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define PRIME ((UINT64_C(1) << 61) - 1)

/* a * b modulo PRIME; the result may be PRIME too large. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);

	return (sum & PRIME) + (sum >> 61);
}

/* A polynomial with seven bytes a term, at a secret point: whatever the strings, two of them have the
 * same hash only by chance. */
static uint64_t hash_string(const struct intern *n, const char *s)
{
	size_t len = strlen(s);
	uint64_t h = len + 1;

	for (size_t at = 0; at < len; at += 7) {
		uint64_t term = 0;

		memcpy(&term, s + at, len - at < 7 ? len - at : 7);
		h = multiply(h + term, n->key);
	}
	return h ^ h >> 32;
}

void intern_begin(struct intern *n)
{
	struct timespec now;

	*n = (struct intern){0};
	if (getrandom(&n->key, sizeof n->key, GRND_NONBLOCK) != (ssize_t)sizeof n->key) {
		clock_gettime(CLOCK_MONOTONIC, &now); /* early at boot, before any user logs in */
		n->key = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15);
	}
	n->key = (n->key & PRIME >> 1) + 65537;
}

uint64_t intern_mix(const struct intern *n, uint64_t number)
{
	uint64_t h = multiply((number & PRIME) + (number >> 61), n->key);

	return h ^ h >> 32;
}

static uint32_t *bucket_of(const struct intern *n, const char *string)
{
	size_t i = (size_t)hash_string(n, string) & (n->nbuckets - 1);

	while (n->buckets[i] && strcmp(n->items[n->buckets[i] - 1], string) != 0)
		i = (i + 1) & (n->nbuckets - 1);
	return &n->buckets[i];
}

/* At least half of the buckets stay free. */
static int grow_buckets(struct intern *n, struct err *err)
{
	size_t want = n->nbuckets ? 2 * n->nbuckets : 1024;
	struct intern more = {.items = n->items, .nbuckets = want, .key = n->key};

	more.buckets = calloc(want, sizeof *more.buckets);
	if (!more.buckets)
		return err_nomem(err);
	for (size_t i = 0; i < n->count; i++)
		*bucket_of(&more, n->items[i]) = (uint32_t)(i + 1);
	free(n->buckets);
	n->buckets = more.buckets;
	n->nbuckets = want;
	return 0;
}

int intern_add(struct intern *n, const char *string, size_t *number, struct err *err)
{
	uint32_t *b;

	if (2 * (n->count + 1) > n->nbuckets) {
		int r = grow_buckets(n, err);

		if (r < 0)
			return r;
	}
	b = bucket_of(n, string);
	if (!*b) {
		if (ARRAY_GROW(n->items, n->count, err) < 0)
			return -ENOMEM;
		n->items[n->count] = strdup(string);
		if (!n->items[n->count])
			return err_nomem(err);
		*b = (uint32_t)++n->count;
	}
	*number = *b - 1;
	return 0;
}

void intern_free(struct intern *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
	free(n->buckets);
	*n = (struct intern){0};
}
