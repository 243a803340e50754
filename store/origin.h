/*
 * Origins: the source that `pinlib add` was given for a version. A note (store/note.h) keeps it beside
 * the manifest. It is no part of the version, which is its content alone:
 *
 *	ROOT/origins/abcdef...   named as the manifest; lines of a key, a tab and a value:
 *
 *	source	apt:libxml2
 *	apt-config	/etc/apt/bullseye.conf
 *	name	libxml2       name and version are here too in case the manifest is damaged
 *	version	2.9.10+dfsg-6.7
 *	sha256	0123abc...    of the lines before it
 *
 * An origin helps to find further libraries of the same origin, and to restore a damaged version.
 * A version works without one.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "store/root.h"
#include "store/version.h"

#include <stdbool.h>

struct origin {
	char *source; /* fit for intake_add; a file by its absolute path */
	char *name, *version;
	char *apt_config; /* APT_CONFIG (apt.conf(5)) at that time; NULL if it was not set */
};

/* The latest origin of a version. -ENOENT: there is none; -EBADMSG: it is damaged. */
int origin_read(struct store *store, const struct digest *digest, struct origin *out,
		struct err *err);
/* Whether it is a package of apt; and the suite that "apt:PACKAGE/SUITE" names, a pointer into source, or NULL. */
bool origin_is_apt(const struct origin *origin);
const char *origin_suite(const struct origin *origin);

/* Whether further packages of the two come from one place: through one configuration of apt and one suite,
 * out of one directory, or out of one image. */
bool origin_same_place(const struct origin *a, const struct origin *b);

void origin_free(struct origin *origin);
#define AUTO_ORIGIN CLEANUP(origin_free)

/* Writes a version's origin. A value that a line cannot hold is left out; without a
 * source nothing is written. */
int origin_write(struct store *store, const struct version *version, const char *source,
		 const char *apt_config, struct err *err);

/* Fills text with the end of a sentence about a damaged version: "restore it with: pinlib add
 * apt:libfoo1=1.2-3", or that its origin is not known. */
#define ORIGIN_RESTORE_MAX 600
void origin_restore(struct store *store, const struct digest *digest,
		    char text[ORIGIN_RESTORE_MAX]);
