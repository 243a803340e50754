/*
 * Where a version came from: what `pinlib add` was told. It is kept beside the manifest and is
 * no part of the version, which is its content alone:
 *
 *	ROOT/origins/abcdef...   named as the manifest; lines of a key, a tab and a value:
 *
 *	source	apt:libxml2
 *	apt-config	/etc/apt/bullseye.conf
 *	name	libxml2       what the version is called, lest its manifest be damaged
 *	version	2.9.10+dfsg-6.7
 *	sha256	0123abc...    of the lines before it
 *
 * It only helps to find further libraries of the same make: a version without it is as good as
 * one with it.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "store/root.h"
#include "store/version.h"

struct origin {
	char *source; /* as for intake_add; files by their absolute path */
	char *name, *version;
	char *apt_config; /* APT_CONFIG (apt.conf(5)) at that time; NULL if it was not set */
};

/* The latest that was told. -ENOENT if nothing is known; -EBADMSG: damaged. */
int origin_read(struct store *store, const struct digest *digest, struct origin *out,
		struct err *err);
void origin_free(struct origin *origin);
#define AUTO_ORIGIN CLEANUP(origin_free)

/* For store_add: writes what is known of a source, a file by its absolute path; a name that no line can hold is left out. */
int origin_write(struct store *store, const struct version *version, const char *source,
		 const char *apt_config, struct err *err);

/* Fills text with the end of a sentence about a damaged version: "restore it with: pinlib add
 * apt:libfoo1=1.2-3", or that its origin is not known. */
#define ORIGIN_RESTORE_MAX 600
void origin_restore(struct store *store, const struct digest *digest,
		    char text[ORIGIN_RESTORE_MAX]);
