/* Search paths: DT_RPATH, DT_RUNPATH and LD_LIBRARY_PATH, with their dynamic string tokens expanded
 * (ld.so(8); glibc's elf/dl-load.c, fillin_rpath and _dl_dst_substitute; musl's ldso/dynlink.c,
 * fixup_rpath). */
#pragma once

#include "base/budget.h"
#include "loader/ldview.h"
#include "loader/object.h"

#include <limits.h>

/* What a whole walk may cost; more is -E2BIG. A file of a few kilobytes can name thousands of
 * libraries that do not exist and thousands of directories to look in. A unit is about one
 * comparison of versions; the closure of libreoffice, 150 objects, takes 100,000. */
#define WALK_BUDGET (1u << 24)
#define WALK_COST_DIR 4	  /* a directory that is in the cache */
#define WALK_COST_FILE 64 /* a name that the file system is asked about */

/* What all searches of one walk share. */
struct search_context {
	struct ldview *view;
	struct filecache *files; /* the view's */
	const struct loader *loader;
	bool no_cwd; /* leave out relative paths */
	struct budget budget;
};
int search_spend(struct search_context *context, uint64_t work, struct err *err);

struct searchpath {
	const char **dirs; /* the file cache's strings; "" is the working directory */
	size_t count;
	bool known;
};

/* An object whose tokens are expanded. */
struct token_owner {
	const struct object *object;
	bool program; /* $ORIGIN is then the directory of its canonical path */
};

/* Expands $ORIGIN, $LIB and $PLATFORM (musl: only $ORIGIN). Other tokens stay, as in the loader.
 * False if the result is too long. */
bool searchpath_expand(const struct loader *loader, const struct token_owner *owner,
		       const char *text, size_t len, char out[PATH_MAX]);
/* Splits a text at the separators and appends its directories; those after the 4,096th are left
 * out. text may be NULL. */
int searchpath_split(struct searchpath *path, struct search_context *context, const char *text,
		     const char *separators, const struct token_owner *owner, struct err *err);
/* The separators of DT_RPATH and DT_RUNPATH. */
const char *searchpath_separators(const struct loader *loader);
void searchpath_clear(struct searchpath *path);
