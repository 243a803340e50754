/* What an edit changes in a program, computed from its bytes (seal/edit.h says where the changes go). Writes nothing. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct edit_rename {
	const char *from, *to;
};

struct edit {
	/* The new value of DT_RUNPATH if the program has one, else of DT_RPATH. NULL: they stay as they are. */
	const char *path;
	/* DT_NEEDED, in place, so that the order of the libraries stays. DT_VERNEED follows. A name that the program
	 * does not need is -EINVAL. */
	const struct edit_rename *renames;
	size_t nrenames;
	/* Further DT_NEEDED, in this order, after the program's own. */
	const char *const *added;
	size_t nadded;
	/* The last string of the table, and so the last bytes of the copy, with its NUL: the file is recognised by it. */
	const char *mark;
};

/* Bytes of the original that get other values. Theirs follow those of the patch before, in rewrite.bytes. */
struct rewrite_patch {
	uint64_t at, len;
};

struct rewrite_bytes {
	char *data;
	size_t len;
};

struct rewrite {
	struct rewrite_patch *patches;
	size_t npatches;
	struct rewrite_bytes bytes, tail;
	uint64_t tail_at; /* after the original's end */
};

/* Limits of what is computed, whatever the program says. */
#define REWRITE_PATCHES_MAX 16384
#define REWRITE_BYTES_MAX ((size_t)64 << 20)
#define REWRITE_TAIL_MAX ((size_t)128 << 20)

uint64_t rewrite_tail_at(uint64_t size); /* where the tail of a file of this size begins */

/* Parses fd in the calling process: seal/edit.c decides which process that is. *out is empty before. The errors are those
 * of edit_write, and -ENOMEM; their texts may hold bytes of the program. */
int rewrite_compute(int fd, const struct edit *edit, struct rewrite *out, struct err *err);
void rewrite_free(struct rewrite *rewrite);
#define AUTO_REWRITE CLEANUP(rewrite_free)
