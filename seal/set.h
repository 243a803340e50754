/*
 * Sets: the libraries of a sealed program by name, as a directory of links into the store.
 *
 *	PINLIB_LAYERS/ID/0/libz.so.1 -> PINLIB_STORE/objects/ab/cdef...
 *
 * A set is a layer of links (store/layer.h): ID follows from the names and the SHA-256 of each content, programs with
 * equal sets share one, and layers' verification, repair and collection serve sets, too. The kernel shows the end of a
 * link in /proc/PID/maps, so this says by its SHA-256 which content a process runs.
 *
 * A set has each library of the pinned versions by its soname. Of two with one soname the one in a directory that the
 * loader searches by default counts; a variant for some processors (glibc-hwcaps) does not. If that does not decide, and
 * their contents differ, the soname is left out.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "store/layer_spec.h"
#include "store/store.h"

#include <limits.h>
#include <stdbool.h>

struct set_member {
	char *name;
	struct digest content;
	int rank; /* the lower one counts */
	bool ambiguous;
};

struct seal_set {
	struct set_member *items;
	size_t count;
	char id[LAYER_ID];
	char dir[PATH_MAX]; /* of the links */
};

void set_free(struct seal_set *set);
#define AUTO_SET CLEANUP(set_free)

/* Adds the libraries of a version. triplet: of the program (elf_triplet). */
int set_add_version(struct seal_set *set, const struct version *version, const char *triplet,
		    struct err *err);
/* Adds one library, which counts before those of versions. */
int set_add(struct seal_set *set, const char *name, const struct digest *content, struct err *err);
/* Gives the library of soname another name, by which something needs it. */
int set_add_name(struct seal_set *set, const char *name, const char *soname, struct err *err);
bool set_has(const struct seal_set *set, const char *name);

/* Fills id and dir, and changes nothing. layers and objects: the directories, PINLIB_LAYERS as a rule. */
int set_name(struct seal_set *set, const char *layers, const char *objects, struct err *err);
/* The same, and builds the set where it is missing or damaged. */
int set_build(struct seal_set *set, struct store *store, const char *layers, const char *objects,
	      struct err *err);
