/*
 * Siblings: a program and a library that were built from one source package.
 *
 * Siblings are released together, and many compare their versions when they run, read each other's
 * data, or have an interface that no symbol version guards: file and libmagic1, aspell and
 * libaspell15, xorriso and libisoburn1, gst-launch-1.0 and libgstreamer1.0-0, guile and its compiled
 * modules. The loader finds everything, and the program fails. So a pinned library beside a program
 * of another version deserves a remark.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "dpkg/package.h"
#include "policy/policy.h"
#include "store/store.h"

/* For each of apps, of gets a sentence without a full stop about the first pinned version that differs
 * from the installed one, and that has as a sibling
 *
 *	the installed program, if no pinned version supplies the program;
 *	or a pinned version that is the installed one;
 *
 * or else about two pinned versions that were built from different versions of one source.
 *
 * dpkg is asked twice, and only once if all pins are the installed versions. Packages that are still
 * installed, also with "t64" behind their names, have a known source, and versions that have a note of
 * it (provenance/provenance.h): only these are compared where the installed package is not known. */
int siblings_find(struct store *store, const struct apps *apps, struct strings *of,
		  struct err *err);

/* The installed package that a pin means, or its successor of that name; NULL: there is none. */
const struct package *siblings_installed(const struct packages *all, const struct pin *pin);
