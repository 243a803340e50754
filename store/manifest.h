/* Manifests as files: which there are. */
#pragma once

#include "store/store.h"

#define MANIFEST_MAX ((size_t)256 << 20) /* bytes; import's limits stay below it */

/* The digests that ROOT/versions names, sorted; *out is the caller's to free. Names that are no
 * digest are skipped: store_verify reports them. */
int manifest_names(const struct store *store, struct digest **out, size_t *n, struct err *err);

int digest_order(const void *a, const void *b); /* for qsort and bsearch */

/* Calls each with every name in the directory but "." and "..", until it returns non-zero;
 * returns that. */
typedef int each_name_fn(void *ctx, int dir, const char *name, struct err *err);
int each_name(int dir, each_name_fn *each, void *ctx, struct err *err);
