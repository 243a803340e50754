/* The objects of the store by the paths that lead to them: the links of sets (seal/set.h), and lines of maps. */
#pragma once

#include "base/digest.h"
#include "base/err.h"
#include "base/strings.h"
#include "store/layer_spec.h"
#include "store/store.h"

#include <stdbool.h>

/* Whether the path ends as an object's: PINLIB_STORE/objects/ab/cdef..., whose directory is canonical. Something may come
 * before it: the root directory of a process, as we see it. */
bool object_of_path(const char *path, struct digest *out);

/* Sorts them, and drops repeated ones. */
void digests_sort(struct digests *digests);
bool digests_have(const struct digests *sorted, const struct digest *digest);

/* The objects that the links of the layer ID lead to, sorted; the caller frees their items, after an error too. -ENOENT:
 * there is no such layer. One of a view leads to none. */
int set_links_read(const char *id, struct digests *out, struct err *err);

/* The names of all layers. */
int layer_ids(struct strings *out, struct err *err);
