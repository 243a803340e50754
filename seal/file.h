/* Sealing a program into a file of its own (`pinlib seal`), by the machine's store or a user's. */
#pragma once

#include "base/strings.h"
#include "seal/home.h"
#include "store/store.h"

/* One thing to seal with: NAME=VERSION, or SONAME=FILE, where FILE has a '/'. */
struct seal_item {
	char soname[256]; /* of a file; "" for a version */
	struct version version;
};

struct file_seal {
	const struct home *home;
	struct store *store; /* the home's */
	char program[PATH_MAX];
	char source[PATH_MAX]; /* the program's own file */
	const char *arch;      /* static */
	const char *file;      /* absolute: the file to write */
	bool unpinned;	       /* as in struct seal_request */
	struct seal_item *items;
	size_t nitems;
};
void file_seal_end(struct file_seal *seal);

/* Reads the program. -EINVAL: it is no ELF program that a loader starts. */
int file_seal_begin(struct file_seal *seal, const char *program, struct err *err);

/* Adds an item to items, which has room for it. A version that only the machine's store has is copied to a user's; a file
 * is added to the store. -ENOEXEC: it is for another architecture. */
int file_seal_add(struct file_seal *seal, const char *text, struct err *err);

/* Seals, has the loader prove the sealed file, records it, and renames it into place. -ECANCELED: the loader refuses it. The
 * report gets remarks, and reasons except for the one in err. */
int file_seal_write(struct file_seal *seal, report_fn *report, void *ctx, struct err *err);
