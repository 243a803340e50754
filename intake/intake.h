/*
 * Intake: the content of a source becomes a version in the store.
 *
 * A source is a package's file (.deb, .rpm, pacman's, apk's), a shared object, a directory tree, dpkg:PACKAGE[:ARCH] (a
 * package as installed here), or apt:PACKAGE[:ARCH][=VERSION][/SUITE] (one that apt downloads). Archives and ELF
 * files are parsed in children without privileges, under a system-call filter (base/confine.h).
 */
#pragma once

#include "base/strings.h"
#include "dpkg/apt.h"
#include "intake/options.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Adds a source's version. *known is true if the store had it already, maybe with other times, which
 * *out then has. After an error nothing is
 * left but objects without a version, which store_gc removes.
 *
 * A path is followed as base/reach.h says. Everybody can read the store, so a file that is not
 * readable for everybody is refused (-EPERM). Other errors: -EBADMSG, a damaged archive; -EPERM, a
 * member that may not come in (err names it); -EFBIG, beyond the limits in intake/staging.h.
 */
int intake_add(struct store *store, const char *source, const struct intake_options *options,
	       struct version *out, bool *known, struct err *err);

/* Whether an operand is a source and not NAME=VERSION: it begins with apt: or dpkg:, has a '/',
 * or ends as a package's file (.deb, .rpm, .apk, .pkg.tar.zst, .pkg.tar.xz, .pkg.tar.gz). */
bool intake_is_source(const char *text);

/* Called for each archive: with its version, or with NULL and the reason why it was refused. */
typedef int intake_fetched_fn(void *ctx, const struct version *version, const struct err *why,
			      struct err *err);

/* Adds packages ("NAME:ARCH=VERSION") that apt downloads all at once. If one cannot be downloaded, none is added.
 * unverified: as in struct intake_options; it has a version's sentence when fetched is called for that version.
 * A result of fetched other than 0 ends the work, and is returned. */
int intake_fetch(struct store *store, const struct strings *packages, const struct apt_place *place,
		 struct strings *unverified, intake_fetched_fn *fetched, void *ctx,
		 struct err *err);

/* Appends the control fields of a package's file and of the files of its kind beside it that root or its own owner put
 * there, without those that cannot be read. Of other kinds than .deb these are the labels, and Provides with sonames.
 * Confined children read them. */
int intake_controls(const char *package, struct controls *out, struct err *err);

/* Opens a regular file that every user may read, and that no user could exchange for a closed one. */
int intake_open_public(const char *path, struct err *err);

struct intake_file {
	int fd; /* open for reading; the content counts from its start. -1: intake_open_public opens path */
	const char *path; /* where the version has it; absolute, normalised */
	const char *link; /* a link to it, likewise; NULL: none */
};

/* Adds a version that is made of these files. options has its name and version. Errors as for
 * intake_add. */
int intake_add_files(struct store *store, const struct intake_file *files, size_t n,
		     const struct intake_options *options, struct version *out, bool *known,
		     struct err *err);

/* Adds the versions of n installed packages together: one sync of the disk serves them all. out is an array of n, whose
 * versions the caller frees, after an error too. As intake_add of "dpkg:PACKAGE", but files that may not come in are left
 * out: setuid ones, files that some users may not read, and files that are gone. A package without other files has a
 * version without entries, which is not added. */
int intake_add_installed(struct store *store, const struct intake_package *packages, size_t n,
			 struct version *out, struct err *err);
