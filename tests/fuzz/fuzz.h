/* A fuzz target is one file with LLVMFuzzerTestOneInput (libFuzzer's entry): it gives the bytes to
 * one reader, and HOLDs the reader's promises about all input that it accepts. `make fuzz` links it
 * with libFuzzer, `make check` with replay.c, which feeds it the kept cases. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLD(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of its own, so that AddressSanitizer sees a byte read too far; more bytes of 0 follow. */
static inline char *fuzz_copy(const uint8_t *data, size_t size, size_t more)
{
	char *copy = calloc(1, size + more ? size + more : 1);

	HOLD(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}
