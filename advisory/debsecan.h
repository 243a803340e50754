/*
 * debsecan's data, as https://security-tracker.debian.org/tracker/debsecan/release/1/SUITE has them: compressed with zlib
 * or gzip, or as they are; lines in three parts, each of which ends in an empty line:
 *
 *	VERSION 1
 *	CVE-2018-25032,,zlib before 1.2.12 ...			id, flags, description
 *
 *	zlib,0,S R?F,1:1.2.11.dfsg-4,1:1.2.11.dfsg-2+deb11u1	package, number of the id, flags, the version of
 *							unstable that has the fix, others that have it
 *
 *	zlib,lib32z1 zlib1g					source package, its packages; not read
 *
 * The flags: 'S' source or 'B' binary package; urgency, 'L', 'M', 'H' or ' '; 'R' remote, ' ' or '?'; 'F' if the suite
 * has a fix. The files of all suites differ in this last flag only. A version is affected if it is before that of unstable,
 * or unstable has none, and it is not among the others.
 */
#pragma once

#include "advisory/judged.h"

#include <stddef.h>
#include <stdint.h>

/* In a confined process: reads the file at fd, whose first bytes are head, and sends hits. Returns how many lines it
 * compared, or -1 after a problem. */
int64_t debsecan_judge(const struct judged_index *index, int fd, const void *head, size_t len);
