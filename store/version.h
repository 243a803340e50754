/*
 * A library version: its name and its files.
 *
 * Stored as a manifest: UTF-8 text, one fact a line, fields separated by one tab, each line ends
 * in a newline. Order is fixed: header, then entries sorted by path, bytewise, then a checksum
 * (store/checksum.h):
 *
 *	pinlib-manifest	2
 *	name	zlib1g
 *	version	1:1.2.11.dfsg-2+deb11u2
 *	arch	amd64
 *	dir	0755	1622548800	/usr/share/zlib
 *	file	0644	1622548800	SHA256HEX	SIZE	/lib/x86_64-linux-gnu/libz.so.1.2.11	libz.so.1
 *	link	libz.so.1.2.11	/lib/x86_64-linux-gnu/libz.so.1
 *	sha256	0123abc...
 *
 * The third field of files and directories is their time. The last field of a file, absent where
 * there is none, is its soname (DT_SONAME). No field holds a control character, so tabs and newlines
 * need no quoting.
 *
 * The version's digest is the SHA-256 of this text without the times, without the checksum, and with
 * the header of format 1, which had neither. So versions that differ only in times have one digest
 * (DESIGN.md, times-beside-content).
 */
#pragma once

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum entry_type { ENTRY_DIR, ENTRY_FILE, ENTRY_LINK };

struct entry {
	enum entry_type type;
	char *path;	       /* absolute, normalised, as the package has it */
	mode_t mode;	       /* permission bits, never setuid, setgid or sticky; 0 for links */
	int64_t time;	       /* of the last change (store/text.h); 0 for links */
	uint64_t size;	       /* bytes; files only */
	struct digest content; /* files only */
	char *soname;	       /* files only; NULL if it has none */
	char *target;	       /* links only, as found */
};

struct version {
	char *name;    /* package name, or the stem of a soname */
	char *version; /* upstream's or Debian's, epoch included */
	char *arch;    /* Debian's name: amd64, i386, arm64 ...; "all" if nothing in it is ELF */
	struct digest digest;
	struct entry *entries; /* sorted by path */
	size_t nentries;
};

struct versions {
	struct version *items;
	size_t count;
};

int entry_order(const void *a, const void *b); /* by path */
void version_free(struct version *v);	       /* frees what it holds; v itself is the caller's */
void versions_free(struct versions *vs);
#define AUTO_VERSION CLEANUP(version_free)
#define AUTO_VERSIONS CLEANUP(versions_free)

uint64_t version_size(const struct version *v); /* sum of its files' sizes */
/* The entry at path; NULL: there is none. */
const struct entry *version_entry(const struct version *v, const char *path);
bool version_has_soname(const struct version *v, const char *soname);
bool versions_have(const struct versions *vs, const struct digest *digest);

/* Writes and reads the text of a manifest. Reading checks everything that the format promises, and
 * that paths are safe; both set the version's digest. *text is the caller's to free. -EBADMSG from
 * version_parse: err says what the manifest is or has ("is not in canonical form"). */
int version_encode(struct version *v, char **text, size_t *len, struct err *err);
int version_parse(const char *text, size_t len, struct version *out, struct err *err);

/*
 * A spec: NAME=VERSION, optionally NAME:ARCH=VERSION. NAME is a package name ("zlib1g"), a soname
 * ("libz.so.1") or a soname's stem ("libz"); VERSION is a whole version or its leading components:
 * "1.2" means 1.2, 1.2.11 and 1.2-3, not 1.20. An epoch may be left out. A VERSION of at least 8
 * hexadecimal digits after "sha256:" means the digest that begins so.
 */
struct spec {
	char name[256];
	char arch[32]; /* "" if none was given */
	char version[256];
};

int spec_parse(const char *text, struct spec *out, struct err *err); /* -EINVAL, says why */
bool spec_matches_name(const char *name, const struct version *v);
bool spec_matches_version(const char *wanted, const struct version *v);
bool spec_matches(const struct spec *spec, const struct version *v);
