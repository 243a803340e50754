/*
 * Checksums: the last line of a file that is not named by its content. It has the SHA-256 of the lines
 * before it, so that `pinlib doctor` finds every flipped bit:
 *
 *	sha256	0123abc...
 */
#pragma once

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define CHECKSUM "sha256\t"
#define CHECKSUM_LEN (sizeof CHECKSUM - 1 + DIGEST_HEX) /* the newline in place of the NUL */

/* A copy of text with its checksum, *len bytes and a NUL; the caller frees it. NULL: err says why. */
char *checksum_added(const char *text, size_t *len, struct err *err);

/* Whether the last line is the checksum of the lines before it. */
bool checksum_holds(const char *text, size_t len);
