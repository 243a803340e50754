/*
 * Notes: facts about a version beside its content, in small text files ROOT/KIND/abcdef... with the
 * name of the version's manifest. Lines of a key, a tab and a value; the last line is a checksum
 * (store/checksum.h).
 *
 * A note is never needed to use a version. store_gc removes those whose version is gone.
 */
#pragma once

#include "base/digest.h"
#include "store/root.h"

/* *text, with its last line, is the caller's to free. -ENOENT: there is none; -EBADMSG: it is
 * damaged. */
int note_read(struct store *store, const char *kind, const struct digest *digest, char **text,
	      struct err *err);

/* Writes text, whole lines, in place of an earlier note of that kind. */
int note_write(struct store *store, const char *kind, const struct digest *digest, const char *text,
	       struct err *err);

/* A copy of the value of the first line with that key from *at on (at or *at NULL: from the start);
 * *at moves behind the line. The caller frees it. NULL: no such line, or out of memory. */
char *note_value(const char *text, const char *key, const char **at);
