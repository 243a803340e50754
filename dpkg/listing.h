/* The files of installed packages, by dpkg's lists. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct package_file {
	char *path;   /* as the package has it: may be /lib/x where /lib is a link to usr/lib */
	char *from;   /* where the content is: another path if the file is diverted */
	bool diverts; /* the package diverts the path of others, which may have a file there */
};

struct package_files {
	struct package_file *items; /* in dpkg's order, without "/." */
	size_t count;
	char *text; /* that the paths point into */
};

void package_files_free(struct package_files *files);
#define AUTO_PACKAGE_FILES CLEANUP(package_files_free)

/* The files of a package, query as dpkg takes it. -ENOENT: it is not installed. */
int package_files(const char *query, struct package_files *out, struct err *err);

/* The same for several packages: out is an array of n, in the order of the queries. A package that is
 * not installed has no files. The caller frees all of out, also after an error. */
int packages_files(const char *const *queries, size_t n, struct package_files *out,
		   struct err *err);

/* Whether the package has this path; as the package has it, not canonical. */
bool package_files_have(const struct package_files *files, const char *path);

/* Whether the path is in a directory that is usual in PATH. */
bool listing_is_program(const char *path);

/* The directory below / that a path was in last, and whether it is a link to the one in /usr. All zero: none. */
struct listing_top {
	char dir[32];
	bool merged;
};
/* Whether /usr has to go before a path that a package was built with: "/lib/x" on a merged system. */
bool listing_is_merged(struct listing_top *top, const char *path);
