/*
 * Provenance: where a version's package came from, and what was verified about it. A note (store/note.h) beside the
 * manifest:
 *
 *	ROOT/provenance/abcdef...   named as the manifest; lines of a key, a tab and a value:
 *
 *	confidence	apt                        "apt", "installed" or "given"
 *	source	zlib                            the source package, and its version
 *	source-version	1:1.2.11.dfsg-2+deb11u2
 *	distribution	debian                  ID of os-release(5), or the Origin of apt's Release file in small letters
 *	release	11                              the major number of VERSION_ID, or of the Release file's Version
 *	codename	bullseye
 *	suite	oldoldstable-security           as the Release file says
 *	component	main
 *	archive	0123abc...                      SHA-256 of the package's file
 *	release-file	4567def...              SHA-256 of the Release file that apt verified (apt-secure(8))
 *	release-date	Sat, 31 Aug 2024 09:30:38 UTC
 *	sha256	89ab012...                      of the lines before it
 *
 * Each line may be missing, except for the first three. A version works without a note: provenance is for people, and
 * for comparison with lists of vulnerabilities.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "store/root.h"
#include "store/version.h"

#include <stdbool.h>

enum confidence {
	CONFIDENCE_GIVEN, /* a file, tree or image that somebody gave */
	CONFIDENCE_INSTALLED, /* the files of a package that was installed here: dpkg does not know who signed it */
	CONFIDENCE_APT, /* apt downloaded the package, and a signed Release file vouches for it */
};

struct provenance {
	enum confidence confidence;
	char *source, *source_version; /* never NULL after provenance_read */
	char *distribution, *release, *codename, *suite, *component; /* NULL: not known */
	bool has_archive, has_release_file;
	struct digest archive, release_file;
	char *release_date; /* as in the Release file; NULL */
	bool guessed; /* there is no note: source and release were guessed from the version's name and number */
};

void provenance_free(struct provenance *provenance);
#define AUTO_PROVENANCE CLEANUP(provenance_free)

/* What is known about a version. Without a note, or with a damaged one, its name and version are the source's, the release is what
 * "+deb11u2" tells, and guessed is set. Fails only for want of memory. */
int provenance_read(struct store *store, const struct digest *digest, const char *name,
		    const char *version, struct provenance *out, struct err *err);

/* Writes the note, but not in place of one with more confidence: equal content is one version, wherever it came from later. */
int provenance_write(struct store *store, const struct digest *digest,
		     const struct provenance *provenance, struct err *err);

/* "verified by apt", "installed here", "a file somebody gave". */
const char *provenance_confidence_text(enum confidence confidence);
