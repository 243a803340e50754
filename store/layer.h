/*
 * Layers: the trees that overlayfs lays over the live directories.
 *
 *	ROOT/ID/0, ROOT/ID/1, ...   one tree per covered directory
 *	ROOT/ID/.spec               its entries, one a line; ID is the SHA-256 of this file, cut to
 *	                            32 hexadecimal digits
 *	ROOT/.damaged-ID-...        a replaced layer, while views that mounted it may run
 *
 * On a file system without whiteouts a link to PINLIB_HIDDEN hides a file of the live system.
 *
 * Equal sets of entries give the same ID and share one tree. A file of mode 0644 with the time of
 * its object is a hard link to it: one copy on disk and in the page cache. Any other shares the
 * object's blocks, if the file system can (FICLONE), else it is a copy. Everything belongs to root;
 * directories are 0755, files 0644 or 0755, because overlayfs opens them with the credentials of the
 * user who starts the app.
 */
#pragma once

#include "store/layer_spec.h"
#include "store/store.h"

/* Builds the layer of these entries, which it sorts, whole or not at all. A layer that exists is
 * rehashed, and replaced at once if it is damaged. Each object is rehashed on its way into the layer
 * (-EBADMSG names a damaged one). Parent directories are made as needed. -EEXIST: two different
 * entries have one cover and path. -EINVAL: a path that is not normalised, a mode other than 0644
 * and 0755, a tree without entries. */
int layer_build(struct store *store, const char *root, struct layer_entry *entries, size_t n,
		char id[LAYER_ID], struct err *err);

/* The ID alone that layer_build would give these entries, which it sorts. */
int layer_name(struct layer_entry *entries, size_t n, char id[LAYER_ID], struct err *err);

/* Lays the trees out in the directory dir, as copies without an ID or a .spec, for a view that lasts
 * no longer than its caller. Files that are there already stay. */
int layer_copy(struct store *store, int dir, const struct layer_entry *entries, size_t n,
	       struct err *err);

struct layer_keep {
	const char *const *ids;
	size_t count;
	size_t planned; /* so many of the first are in plans, the others in live views */
	bool launching; /* a launch may be about to mount a layer that no plan names any more */
};

struct layers_gone {
	size_t removed;
	size_t held; /* not needed, but removed only by a later gc */
};

/* Removes the layers that are not in keep. While launching, it removes only those that have been
 * unneeded for LAYER_HOLD seconds: the mtime of ROOT/ID/.unneeded says since when. */
#define LAYER_HOLD 600
int layer_gc(const char *root, const struct layer_keep *keep, bool dry_run,
	     struct layers_gone *gone, struct err *err);
