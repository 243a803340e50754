/*
 * A layer's .spec: its entries as text, sorted by cover, then path, bytewise; fields separated by
 * one tab. No field holds a control character.
 *
 *	0	dir	1622548800	usr/share/zlib
 *	0	file	0644	1622548800	SHA256HEX	usr/lib/libz.so.1.2.11
 *	0	link	libz.so.1.2.11	usr/lib/libz.so.1
 *	0	whiteout	usr/lib/glibc-hwcaps
 *
 * The number before a directory's path and before a file's content is its time (store/text.h).
 * Directories that are only parents of entries, and the trees themselves, have the time
 * LAYER_NO_TIME.
 */
#pragma once

#include "base/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define LAYER_ID 33 /* with the NUL */

enum layer_type {
	LAYER_DIR,
	LAYER_FILE,
	LAYER_LINK,
	LAYER_WHITEOUT, /* hides the live system's file: character device 0:0 */
};

struct layer_entry {
	size_t cover; /* which tree; trees are numbered from 0 without a gap */
	enum layer_type type;
	const char *path;      /* in the tree, relative, normalised */
	mode_t mode;	       /* files */
	int64_t time;	       /* files and directories */
	struct digest content; /* files */
	const char *target;    /* links */
};

/* In a view such a directory also has the live system's files, and shows this time. It lies in the future
 * (2038), so that no cache of the directory without the layer's files counts as up to date: GTK
 * compares which one is newer, fontconfig takes only an equal time, or 0. */
#define LAYER_NO_TIME INT32_MAX

#define LAYER_SPEC ".spec"
#define LAYER_SPEC_MAX ((size_t)256 << 20)
#define LAYER_UNNEEDED ".unneeded" /* layer_gc's mark: unneeded since its mtime */
#define LAYER_TEMP ".tmp-"	   /* begins the name of a layer that is being built or removed */

#define LAYER_DAMAGED ".damaged-" /* then the ID of a replaced layer, and random digits */

/* Sorts entries, drops repeated ones (*n), checks them all, and writes .spec and the layer's ID. *text
 * is the caller's to free. -EINVAL, or -EEXIST where two entries contradict each other. */
int layer_describe(struct layer_entry *entries, size_t *n, char **text, size_t *len,
		   char id[LAYER_ID], struct err *err);
int layer_id(const char *text, size_t len, char id[LAYER_ID], struct err *err);
bool layer_is_id(const char *name);

/* Reads the text that layer_describe wrote. The entries' strings are parts of text, which has to outlive
 * them. *out is the caller's to free. -EBADMSG: malformed. */
int layer_parse(char *text, size_t len, struct layer_entry **out, size_t *n, struct err *err);

/* Whether a file or directory has this time, or the nearest that its file system can keep. */
bool layer_has_time(const struct stat *st, int64_t time);

int layer_order(const void *a, const void *b); /* by cover and path */
size_t layer_covers(const struct layer_entry *entries, size_t n);
