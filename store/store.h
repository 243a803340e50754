/*
 * The store: library versions by content.
 *
 *	ROOT/objects/ab/cdef...   a file's content, named by its SHA-256; owner root, mode 0644, the
 *	                          time that it had in the version that brought it
 *	ROOT/versions/abcdef...   a manifest, named by its version's digest (store/version.h)
 *	ROOT/origins/abcdef...    a note (store/note.h), named as its version's manifest
 *	ROOT/kept/abcdef...
 *	ROOT/provenance/abcdef...
 *	ROOT/tmp/add-...          a version that is being added; emptied by store_sweep and store_gc
 *	ROOT/tmp/oci-...          a layer of an image that is being exported
 *
 * Everybody can read the store. Writers hold pinlib's lock (policy/lock.h). Readers need none: a name
 * appears by rename, when its content is whole and on the disk, and a manifest after all its objects.
 * A published file changes in one case: a damaged object is replaced when its content is added again.
 */
#pragma once

#include "base/err.h"
#include "store/version.h"

#include <stdbool.h>
#include <stddef.h>

struct store; /* holds the directory open */

/* Opens the store; with create, makes it where it is missing. -ENOENT if it is missing. *out is
 * NULL on failure. */
int store_open(const char *root, bool create, struct store **out, struct err *err);
void store_close(struct store **store);
#define AUTO_STORE CLEANUP(store_close)

/* Brings visible versions to the disk: an add may have been killed before its last sync. Call it
 * before writing anything that refers to a version. */
int store_sync(struct store *store, struct err *err);

struct digests {
	struct digest *items;
	size_t count;
};

/* The digests of all versions, sorted; the caller frees their items, after an error too. Skips the
 * names in ROOT/versions that are not digests: store_verify reports them. */
int store_digests(const struct store *store, struct digests *out, struct err *err);

/* All versions, sorted by name, then version, then digest. */
int store_list(struct store *store, struct versions *out, struct err *err);

/* The version with this digest; its manifest is rehashed. -ENOENT, -EBADMSG (err names the command
 * that restores it). */
int store_load(struct store *store, const struct digest *digest, struct version *out,
	       struct err *err);

/* The one version that spec means. -ENOENT: there is none (err lists the versions of that name, and
 * the command that adds one); -ENOTUNIQ: there are several (err lists them). arch limits the choice
 * to it and "all"; NULL: any. A spec that gives a whole version means this one, though others begin
 * with it: 1.2 beside 1.2.11. */
int store_find(struct store *store, const struct spec *spec, const char *arch, struct version *out,
	       struct err *err);

/* Called for each finding of store_verify and layer_verify with a sentence without a full stop, and for each version that
 * store_gc removes with "NAME VERSION ARCH". Returns nothing: the walk goes on. */
typedef void report_fn(void *ctx, const char *what);

/* Rehashes every object and manifest, and looks for each object that a manifest names. Returns the
 * number of findings, or a negative error if it could not read the store. Uses every core. */
int store_verify(struct store *store, report_fn *report, void *ctx, struct err *err);

/* Removes the unfinished writes of killed adds. The caller holds pinlib's lock. */
int store_sweep(struct store *store, struct err *err);

struct gc_result {
	size_t versions, objects; /* removed, or with dry_run what would be */
	uint64_t bytes;
};

/* Removes the versions that are not in keep, then the objects that no remaining version needs, then
 * everything in tmp. The caller holds pinlib's lock. If a version in keep is missing or damaged, its
 * objects are not known: that is an error, and nothing is removed. */
int store_gc(struct store *store, const struct digests *keep, bool dry_run, report_fn *report,
	     void *ctx, struct gc_result *result, struct err *err);
