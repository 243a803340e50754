/*
 * The store: library versions by content.
 *
 *	ROOT/objects/ab/cdef...   a content, named by its SHA-256; root's, 0644; fixed
 *	ROOT/versions/abcdef...   a manifest, named by its SHA-256 (store/version.h)
 *	ROOT/tmp/                 what is being written; emptied by store_sweep and store_gc
 *
 * Everything in it can be read by everybody. Writers hold pinlib's lock (policy/lock.h); readers
 * need none: a name appears when its content is whole and on the disk, by rename without
 * replacing, and a manifest appears after all objects that it names. (An object found damaged is
 * replaced when its content is added again.)
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

/* That a version can be seen does not mean that it is on the disk: an add may have been killed
 * before its last sync. What is about to refer to versions calls this before. */
int store_sync(struct store *store, struct err *err);

/* All versions, sorted by name, then version, then digest. */
int store_list(struct store *store, struct versions *out, struct err *err);

/* The version with this digest; its manifest is rehashed. -ENOENT, -EBADMSG. */
int store_load(struct store *store, const struct digest *digest, struct version *out,
	       struct err *err);

/* The one version that spec means. -ENOENT: none (err says how to add one, and which versions of
 * the name there are); -ENOTUNIQ: several (err lists them). arch limits the choice to it and
 * "all"; NULL for any. Where the spec's version is the whole of some version, it means that one
 * though it leads others, too: 1.2 beside 1.2.11. */
int store_find(struct store *store, const struct spec *spec, const char *arch, struct version *out,
	       struct err *err);

/* Called for each finding of store_verify and layer_verify, and for each removal of store_gc and
 * layer_gc. what is a sentence without a full stop. Returns nothing: the walk goes on. */
typedef void report_fn(void *ctx, const char *what);

/* Rehashes every object and manifest, and checks that all that a manifest names is there. Returns
 * the number of findings, or a negative error if it could not look. Uses every core. */
int store_verify(struct store *store, report_fn *report, void *ctx, struct err *err);

/* Removes what adds that were killed had written so far. The caller holds pinlib's lock. */
int store_sweep(struct store *store, struct err *err);

struct digests {
	struct digest *items;
	size_t count;
};

struct gc_result {
	size_t versions, objects; /* removed, or with dry_run what would be */
	uint64_t bytes;
};

/* Removes the versions that are not in keep, then the objects that no version left needs, then
 * what is left in tmp. The caller holds pinlib's lock. A version in keep that is missing or damaged
 * is an error, and nothing is removed: its objects are not known. */
int store_gc(struct store *store, const struct digests *keep, bool dry_run, report_fn *report,
	     void *ctx, struct gc_result *result, struct err *err);
