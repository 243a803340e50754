/*
 * Whether two versions of a Debian package have the same upstream: then the newer one has fixes of Debian, and no new
 * behaviour of the library's authors. The names of versions are all that is known (deb-version(7)):
 *
 *	[EPOCH:]UPSTREAM[-REVISION]
 *
 * Two versions have the same upstream if UPSTREAM is the same text. Before that, pinlib leaves out
 *
 *	EPOCH and REVISION, with all in it: +deb11u3, +b1 (binNMU), ~bpo11+1, ubuntu0.1
 *	what comes before "+really", ".really" or "~really": 5.4.1+really5.2.5 is 5.2.5
 *	a native version's suffix: +debNuN, ~debNuN, +nmuN, +bN (a native version has no REVISION)
 *	the mark of a tarball without some files, at the end: +dfsg, .dfsg, ~dfsg, +ds, +repack, and digits and dots behind it
 *
 * So 1:1.2.11.dfsg-2+deb11u2 and 1.2.11-1 have the same upstream; 1.1.1n and 1.1.1w, 1.2~rc1 and 1.2, and 20210119 and
 * 20230311 do not.
 */
#pragma once

#include <stdbool.h>

bool upstream_same(const char *a, const char *b);

/* Whether the version is a backport of a later release's, which its users choose one by one. */
bool upstream_is_backport(const char *version);
