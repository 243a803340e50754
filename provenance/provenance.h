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
 *	release	11                              VERSION_ID, or the Release file's Version; of Debian the major number
 *	codename	bullseye                    of the whole release: without "-security" and the like
 *	suite	oldoldstable-security           as the Release file says
 *	component	main
 *	archive	0123abc...                      SHA-256 of the package's file
 *	release-file	4567def...              SHA-256 of the Release file that apt verified (apt-secure(8))
 *	release-date	Sat, 31 Aug 2024 09:30:38 UTC
 *	sha256	89ab012...                      of the lines before it
 *
 * Each line may be missing, except for the first and the last. A version works without a note: provenance is for people,
 * and for comparison with lists of vulnerabilities.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "store/root.h"
#include "store/version.h"

#include <stdbool.h>

enum confidence {
	CONFIDENCE_GIVEN, /* a file, tree or image that somebody gave, or one that apt downloaded without verifying it */
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
	bool guessed; /* the source, the release, or both were guessed from the version's name and number */
	bool source_guessed; /* the source was */
};

void provenance_free(struct provenance *provenance);
#define AUTO_PROVENANCE CLEANUP(provenance_free)

/* What is known about a version. Without a note, or with a damaged one, the confidence is CONFIDENCE_GIVEN. Where the note
 * has no source, the version's name and number stand for it; where it has no release, the release is what "+deb11u2" tells.
 * Fails only for want of memory. */
int provenance_read(struct store *store, const struct digest *digest, const char *name,
		    const char *version, struct provenance *out, struct err *err);

/* Writes the note, but not in place of one that knows more: equal content is one version, wherever it came from later.
 * Where nothing is known there is nothing to write. A value that a line cannot hold is left out. */
int provenance_write(struct store *store, const struct digest *digest,
		     const struct provenance *provenance, struct err *err);

/* "apt", "installed", "given": as in the note, and in JSON. */
const char *provenance_confidence_name(enum confidence confidence);
/* "verified by apt", "installed here", "a file somebody gave". */
const char *provenance_confidence_text(enum confidence confidence);

/* The same with what is known of the place: "verified by apt (bullseye-security)", "installed here (Debian 12)". */
#define PROVENANCE_TEXT 128
void provenance_text(const struct provenance *provenance, char text[PROVENANCE_TEXT]);
