/*
 * Notes: what is known of a version beside its content, in small text files that are named as its
 * manifest is: ROOT/KIND/abcdef... Lines of a key, a tab and a value; the last one seals those
 * before it:
 *
 *	sha256	0123abc...
 *
 * A note is never needed to use a version. store_gc removes those whose version is gone.
 */
#pragma once

#include "base/digest.h"
#include "store/root.h"

/* *text is the caller's, without the seal's meaning. -ENOENT; -EBADMSG: damaged. */
int note_read(struct store *store, const char *kind, const struct digest *digest, char **text,
	      struct err *err);

/* text is whole lines. Takes the place of an earlier one. */
int note_write(struct store *store, const char *kind, const struct digest *digest, const char *text,
	       struct err *err);

/* A copy of the value of the first line with that key after *at, which is moved behind it; at NULL:
 * from the start. NULL: there is none, or no memory. */
char *note_value(const char *text, const char *key, const char **at);
