/* Which package has a file, by dpkg-query --search. Without dpkg no file has an owner. */
#pragma once

#include "base/strings.h"
#include "dpkg/package.h"

/* The names that dpkg may know a canonical path by: itself, and "/lib/x" for "/usr/lib/x" where
 * /lib is a link to usr/lib. names point into path. Returns how many there are. */
size_t owner_names(const char *path, const char *names[2]);

/* Appends to *owned those of the names that some package has; diversions do not count. */
int owner_find(const struct strings *names, struct strings *owned, struct err *err);

/* The packages that own the files at paths, which are canonical. *of is an array of n, the
 * caller's to free: for each path the number of its package, or OWNER_NONE. A file that several
 * packages have, or that is diverted, counts as one without an owner: its content need not be the
 * package's. */
#define OWNER_NONE ((size_t)-1)
int packages_owning(const char *const *paths, size_t n, struct packages *out, size_t **of,
		    struct err *err);

/* The owners of paths among a few packages: which of them has which path (canonical, in any order,
 * repetitions too). queries are names as dpkg takes them; a package that is not installed has no
 * files. of gets for each path the number of its package, or OWNER_NONE; libraries gets for each
 * package whether it has shared libraries (lib*.so.* below a directory "lib"). Diversions do not
 * count: both packages have the file. */
int packages_match(const char *const *queries, size_t nqueries, const char *const *paths,
		   size_t npaths, size_t *of, bool *libraries, struct err *err);
