/*
 * Package URLs (purl, ECMA-427): pkg:deb/debian/zlib1g@1:1.2.11.dfsg-2%2Bdeb11u2?arch=amd64&distro=debian-11.
 *
 * Percent-encoded are the bytes of UTF-8 other than letters, digits and . - _ ~ : ("Character encoding" there).
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* In the order of their keys, as the standard wants them. */
struct purl_qualifier {
	const char *key;   /* NULL ends the list */
	const char *value; /* NULL or "": the qualifier is left out */
};

struct purl {
	const char *type;   /* in small letters */
	const char *nspace; /* without '/', in small letters; NULL: none */
	const char *
		name; /* encoded as it is: the caller knows whether its type has small letters only */
	const char *version; /* NULL: none */
	const struct purl_qualifier *qualifiers;
};

/* The text, which the caller frees; NULL: out of memory. */
char *purl_text(const struct purl *purl);
