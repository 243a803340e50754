/*
 * Candidates: sources that may hold a library which an app misses, near the source that one of its
 * libraries came from.
 *
 * For a .deb file these are its neighbours in the directory; for a package of another distribution those of its kind
 * whose metadata name the soname; for a part of an image the library of that name in it; for a shared object the neighbour of
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

/* What apt answered, kept from one search to the next: apt is asked each question once. All zero: it
 * was not asked yet. */
struct apt_answers {
	struct apt_answer *items;
	size_t count;
};
void apt_answers_free(struct apt_answers *answers);
#define AUTO_APT_ANSWERS CLEANUP(apt_answers_free)

/* Finds candidates for the library soname. Nothing is fetched. The source of an origin may name
 * several packages of apt, which are then asked about together: "apt:libxml2 libssl3=3.0.11-1";
 * "apt:" alone means every package that apt knows. */
int candidates_find(struct apt_answers *apt, const struct origin *origin, const char *soname,
		    struct candidates *out, struct err *err);
void candidates_free(struct candidates *candidates);
#define AUTO_CANDIDATES CLEANUP(candidates_free)
