/* The manifests in the store, by their names. */
#pragma once

#include "base/digest.h"
#include "store/root.h"

#define MANIFEST_MAX ((size_t)256 << 20) /* bytes; the limits in intake/staging.h stay below it */

/* The digests that ROOT/versions names, sorted; *out is the caller's to free. Names that are not
 * digests are skipped: store_verify reports them. */
int manifest_names(const struct store *store, struct digest **out, size_t *n, struct err *err);
