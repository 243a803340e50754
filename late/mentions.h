/*
 * Mentions: names in the bytes of a program or library, found without parsing the file. The program
 * may use a name that the bytes have, or not. It does not use any other name, unless it composes the
 * name when it runs.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define MENTIONS_FILE_MAX ((size_t)512 << 20)

struct mentions {
	char *data;
	size_t len;
};

/* Reads a regular file. -EFBIG: it is larger than MENTIONS_FILE_MAX. */
int mentions_read(const char *path, struct mentions *out, struct err *err);
void mentions_free(struct mentions *mentions);
#define AUTO_MENTIONS CLEANUP(mentions_free)

/* Where the bytes have text, from after on (NULL: from the beginning); NULL if nowhere. */
const char *mentions_find(const struct mentions *mentions, const char *text, const char *after);

/* Whether an ELF file may refer to the symbol: a string of the file ends in the name, and could be a
 * symbol's. The linker stores a name that another one ends in only once, in the other's end. */
bool mentions_symbol(const struct mentions *mentions, const char *name);

/* The absolute path at or around at: from its first '/' to its end. False: there is none, or
 * a variable or a format comes before the '/'. */
bool mentions_path(const struct mentions *mentions, const char *at, char path[PATH_MAX]);
