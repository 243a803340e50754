/*
 * Keeping: before packages are upgraded or removed, the library versions that apps load go into the
 * store. After a bad upgrade `pinlib set APP LIBRARY=OLD` then works at once, without a network.
 *
 * The apps are the wrapped programs and the watched ones (upgrade/watched.h).
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "store/kept.h"
#include "store/store.h"
#include "upgrade/changes.h"
#include "upgrade/keep_conf.h"
#include "upgrade/watched.h"

#include <stddef.h>
#include <stdint.h>

/* A change of a package whose libraries are to be kept, and the apps that load them; the strings
 * belong to the wants. */
struct want {
	const struct change *change;
	const char **apps;
	size_t napps;
};

struct wants {
	struct want *items;
	size_t count;
	struct strings apps; /* wrapped and watched */
};
void wants_free(struct wants *wants);
#define AUTO_WANTS CLEANUP(wants_free)

/* Finds the changes whose packages are to be kept. changes has to live as long as *out. Changes
 * nothing and takes no lock. */
int keep_find(struct policy *policy, const struct keep_conf *conf, const struct changes *changes,
	      struct wants *out, struct err *err);

struct keep_result {
	size_t kept;	       /* versions that the store did not have */
	struct strings failed; /* a sentence for each package that could not be kept */
	char *names;	       /* "zlib1g 1:1.2.13, libssl3 3.0.11"; NULL: none */
};
void keep_result_free(struct keep_result *result);
#define AUTO_KEEP_RESULT CLEANUP(keep_result_free)

/* Under policy_lock. Returns 0 also where a package could not be kept. */
int keep_versions(struct store *store, const struct wants *wants, struct keep_result *out,
		  struct err *err);

/* The reason in the note of a version that 'pinlib add' stored, or 'set' from a source. */
#define KEPT_BY_HAND "added by hand"

/* Notes that the version was added by hand now. The note of an upgrade stays: it keeps the version longer. */
int keep_note_added(struct store *store, const struct digest *digest, int64_t now, struct err *err);

/* The versions that upgrades kept, as kept_list has them. After an error, too, *out is the caller's to free. */
int keep_list(struct store *store, struct kepts *out, struct err *err);

/* The versions that were added by hand lately, without those in used, behind those of keep_retained in *out. */
int keep_added(struct store *store, const struct keep_conf *conf, int64_t now,
	       const struct digests *used, struct digests *out, struct err *err);

/* The kept versions that gc has to leave; items are the caller's to free. */
int keep_retained(struct store *store, const struct keep_conf *conf, int64_t now,
		  struct digests *out, struct err *err);
