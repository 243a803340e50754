/*
 * Packages that apt knows, installed or not. Installed versions do not count: apt takes the newest
 * version of its sources, even if a newer one is installed.
 */
#pragma once

#include "base/strings.h"
#include "dpkg/control.h"

#include <limits.h>
#include <stdbool.h>

/* Where packages come from. All zero: from the sources of the environment's APT_CONFIG. */
struct apt_place {
	const char *config; /* an APT_CONFIG (apt.conf(5)); NULL: the environment's */
	const char
		*suite; /* of these sources: a suite or its codename, preferred as by apt-get -t */
};

bool apt_place_equal(const struct apt_place *a, const struct apt_place *b);

/* Each answer of apt-cache takes about as long whatever is asked, seconds where apt may keep no cache of its lists: so
 * ask for everything at once. */

/* Appends the names of all packages. */
int apt_names(const struct apt_place *place, struct strings *out, struct err *err);

/* Appends the packages that any of these depends on; recurse: also those that these depend on, and so
 * on. Virtual ones are left out, and unknown packages depend on none. */
int apt_depends(const struct strings *packages, bool recurse, const struct apt_place *place,
		struct strings *out, struct err *err);

/* Appends the control fields of those that apt knows: of "NAME" its candidate's, of "NAME=VERSION" that
 * version's. */
int apt_show(const struct strings *packages, const struct apt_place *place, struct controls *out,
	     struct err *err);

/* Appends the control fields of all versions of these packages ("NAME", "NAME:ARCH") that the place has. A name means this package
 * alone, and none is an error if apt does not know it. */
int apt_versions(const struct strings *packages, const struct apt_place *place,
		 struct controls *out, struct err *err);

/* Of the versions that apt_versions finds, appends "NAME=VERSION" of those in the place's suite, or in its -security and -updates. The
 * place has a suite. */
int apt_suite_versions(const struct strings *packages, const struct apt_place *place,
		       struct strings *out, struct err *err);

/* The directory of the place's lists, which apt-get update fetches. */
int apt_lists(const struct apt_place *place, char out[PATH_MAX], struct err *err);

/* Downloads packages' archives ("NAME", "NAME:ARCH", either with "=VERSION") into the directory dir. *authentic: apt
 * authenticated all of them (apt-secure(8)); it also takes a source with [trusted=yes] for authentic, see
 * dpkg/apt_release.h. */
int apt_download(const struct strings *packages, const struct apt_place *place, const char *dir,
		 bool *authentic, struct err *err);
