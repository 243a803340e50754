/*
 * Seals: the last line of a file that is not named by its content. It has the SHA-256 of the lines
 * before it, so that `pinlib doctor` finds every flipped bit:
 *
 *	sha256	0123abc...
 */
#pragma once

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SEAL "sha256\t"
#define SEAL_LEN (sizeof SEAL - 1 + DIGEST_HEX) /* the newline in place of the NUL */

/* A copy of text with its seal, *len bytes and a NUL; the caller frees it. NULL: err says why. */
char *seal_added(const char *text, size_t *len, struct err *err);

/* Whether the last line is the seal of the lines before it. */
bool seal_holds(const char *text, size_t len);
