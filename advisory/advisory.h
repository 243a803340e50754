/*
 * Known vulnerabilities of library versions, from local files: records of the OSV schema, one a file or many in a zip, and
 * debsecan's data (advisory/debsecan.h). What a file is, its content tells.
 *
 * Versions are compared by source package, in the order of deb-version(7). A record's entry for a release of Debian counts for versions
 * of that release, and one for "Debian" for all. Entries for other releases count
 *	- for a version whose release is unknown;
 *	- for a version whose release no record in these data tells of;
 *	- if the record came more than 30 days after the last one that tells of the version's release, and has no
 *	  entry for it: the data no longer follow that release.
 * Such a finding has another_release. A record that is about several CVEs (DSA-5111-1) is a finding for each of them.
 */
#pragma once

#include "advisory/advice.h"
#include "advisory/judged.h"
#include "advisory/vulnerability.h"
#include "base/cleanup.h"
#include "base/paths.h"
#include "base/strings.h"

/* A zip, debsecan's data, or all single records of a directory. */
struct data_set {
	char *path;
	enum data_kind kind;
	uint64_t records;
	int64_t time; /* of the newest record, or of the file; seconds since 1970 */
};

/* Where the administrator copies data to. */
#define PINLIB_ADVISORIES PINLIB_STATE "/advisories"

#define PROBLEMS_KEPT 20

struct advisories {
	struct vulnerabilities found;
	struct data_set *sets; /* in the order of their paths */
	size_t nsets;
	struct strings
		problems; /* the first PROBLEMS_KEPT: data that were not read, or not compared */
	size_t nproblems;
};

/* Reads a file, or a directory and those below it. -ENOENT: there is no such file. -ENODATA: it has no data. Other files than
 * regular ones, and names that begin with '.', are not opened. */
int advisories_read(const char *path, const struct judged *versions, size_t count,
		    struct advisories *out, struct err *err);
void advisories_free(struct advisories *advisories);
#define AUTO_ADVISORIES CLEANUP(advisories_free)
