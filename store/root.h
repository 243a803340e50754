/* The store's directory, for the modules of this room and of intake/, which adds to it. */
#pragma once

#include "base/err.h"

/*
 *	ROOT/objects/ab/cdef...   contents (store/object.h)
 *	ROOT/versions/abcdef...   manifests (store/version.h)
 *	ROOT/origins/abcdef...    notes (store/note.h), each named as its version's manifest
 *	ROOT/kept/abcdef...
 *	ROOT/tmp/add-...          staging directories of versions that are being added
 *	ROOT/tmp/oci-...          layers of an image that is being exported
 */
struct store {
	char *root;			 /* its path */
	int dir, objects, versions, tmp; /* open directories */
	char whole[33]; /* the layer that was last found whole: many apps may share it */
};

#define STORE_STAGING "add-"
