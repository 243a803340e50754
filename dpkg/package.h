/* Debian packages of the live system: which one a file came from, and what kind it is. Asked of
 * dpkg; where there is none, no file has an owner. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct package {
	char *query; /* as dpkg names it: "zlib1g:amd64", "perl-base" */
	char *name, *arch, *version;
	char *source; /* of which it was built: "zlib" */
	bool essential;
	bool programs; /* it brings programs: files in a directory that is usual in PATH */
};

struct packages {
	struct package *items; /* each once */
	size_t count;
};

void packages_free(struct packages *packages);
#define AUTO_PACKAGES CLEANUP(packages_free)

/* The packages that own the files at paths, which are canonical. *of is an array of n, the
 * caller's to free: for each path the number of its package, or OWNER_NONE. Without an owner counts
 * a file that has several, and one that was diverted: what is there need not be the package's. */
#define OWNER_NONE ((size_t)-1)
int packages_owning(const char *const *paths, size_t n, struct packages *out, size_t **of,
		    struct err *err);

/* The installed packages that were built of a source. */
int packages_of_source(const char *source, struct packages *out, struct err *err);

/* The other way round, for a few packages: which files of theirs lie at paths (canonical, in any
 * order, repetitions too). queries are as dpkg names them; one that is not installed has nothing.
 * Of each path the number of the package that has it goes to of, or OWNER_NONE; libraries gets for
 * each package whether it has shared libraries: lib*.so.* below a directory "lib". A diversion
 * counts for nothing: both packages have the file. */
int package_search(const char *const *queries, size_t nqueries, const char *const *paths,
		   size_t npaths, size_t *of, bool *libraries, struct err *err);
