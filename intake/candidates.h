/*
 * Candidates: sources that may hold a library which an app misses, near the source that one of its
 * libraries came from.
 *
 * For a .deb file these are its neighbours in the directory; for a shared object the neighbour of
 * that name; for a package of apt the packages that Debian's policy (8.1, names of shared library
 * packages) would name so, and those that the package depends on. Other origins have none.
 */
#pragma once

#include "base/cleanup.h"
#include "base/strings.h"
#include "store/origin.h"

#include <stddef.h>

struct candidates {
	struct strings sources; /* fit for intake_add; best first */
	size_t likely; /* so many of the first are likely to hold it, going by their names */
};

/* Finds candidates for the library soname. Nothing is fetched. An origin "apt:" alone means every
 * package that apt knows. */
int candidates_find(const struct origin *origin, const char *soname, struct candidates *out,
		    struct err *err);
void candidates_free(struct candidates *candidates);
#define AUTO_CANDIDATES CLEANUP(candidates_free)
