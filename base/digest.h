/* SHA-256 (FIPS 180-4), computed by libcrypto. A digest is written as 64 lower-case hexadecimal digits. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX (2 * DIGEST_SIZE + 1) /* with the NUL */

struct digest {
	unsigned char bytes[DIGEST_SIZE];
};

int digest_data(const void *data, size_t len, struct digest *out, struct err *err);

/* The whole file, from offset 0; the descriptor's position is neither used nor changed. */
int digest_fd(int fd, struct digest *out, struct err *err);

void digest_hex(const struct digest *d, char hex[DIGEST_HEX]);
/* False unless s is exactly 64 lower-case hexadecimal digits. */
bool digest_parse(const char *s, struct digest *out);
bool digest_equal(const struct digest *a, const struct digest *b);
int digest_compare(const void *a, const void *b); /* for qsort(3) and bsearch(3) */

/* Content that arrives in pieces. digest_begin returns NULL if it is out of memory; free its result with digest_end,
 * which fills out and sets *s to NULL, or with digest_abandon. */
struct digest_stream;
struct digest_stream *digest_begin(void);
int digest_update(struct digest_stream *s, const void *data, size_t len, struct err *err);
int digest_end(struct digest_stream **s, struct digest *out, struct err *err);
void digest_abandon(struct digest_stream **s); /* fits CLEANUP(digest_abandon) */
