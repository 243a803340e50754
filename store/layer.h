/*
 * Layers: the trees that overlayfs lays over the live directories.
 *
 *	ROOT/ID/0, ROOT/ID/1, ...   one tree per covered directory
 *	ROOT/ID/.spec               what it was built from, one entry a line; ID is its SHA-256,
 *	                            cut to 32 hexadecimal digits
 *	ROOT/.damaged-ID-...        what was replaced; views that were built from it may still run
 *
 * Equal sets of entries give the same ID and share one tree. Files are hard links to the store's
 * objects where mode 0644 is wanted (one copy on disk and in the page cache), else copies. All
 * belongs to root; directories are 0755, files 0644 or 0755: overlayfs opens them with the
 * credentials of whoever started the app.
 */
#pragma once

#include "store/layer_spec.h"
#include "store/store.h"

/* Builds the tree where it is missing, complete or not at all; one that is there is rehashed, and
 * replaced at once if it is not what it should be. Content is rehashed on the way
 * into it (-EBADMSG names a damaged object). Parent directories are made as needed. Two
 * entries with one cover and path are -EEXIST unless they are the same. Sorts entries. -EINVAL: a
 * path that is not normalised, a mode other than 0644 and 0755, a tree without entries. */
int layer_build(struct store *store, const char *root, struct layer_entry *entries, size_t n,
		char id[LAYER_ID], struct err *err);

/* The name alone that layer_build gives to these entries, which it sorts. */
int layer_name(struct layer_entry *entries, size_t n, char id[LAYER_ID], struct err *err);

/* Lays the trees out in the directory dir, as copies without a name or a .spec: for a view that
 * nobody will look up again. What is there already stays. */
int layer_copy(struct store *store, int dir, const struct layer_entry *entries, size_t n,
	       struct err *err);

struct layer_keep {
	const char *const *ids;
	size_t count;
	size_t planned; /* the first so many are those of plans, the others those of live views */
	bool launching; /* somebody may be about to mount a layer that no plan names any more */
};

struct layers_gone {
	size_t removed;
	size_t held; /* not needed, and removed later */
};

/* Removes the layers that are not to be kept; while somebody is launching, those alone that were
 * not needed LAYER_HOLD seconds ago either. ROOT/ID/.unneeded says since when, while it has to. */
#define LAYER_HOLD 600
int layer_gc(const char *root, const struct layer_keep *keep, bool dry_run, report_fn *report,
	     void *ctx, struct layers_gone *gone, struct err *err);
