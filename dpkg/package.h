/* Debian packages: their state and properties, as dpkg records them. Without dpkg no package is installed. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct package {
	char *query; /* the name that dpkg takes: "zlib1g:amd64", "perl-base" */
	char *name, *arch, *version;
	char *source;	      /* the source package that it was built from: "zlib" */
	char *source_version; /* "1:1.2.13.dfsg-1"; "" where the list was not made by packages_installed */
	char *provides; /* "cron-daemon, mail-reader (= 1.2)" */
	char *depends;	/* its Pre-Depends and Depends: "libc6 (>= 2.36), awk | mawk" */
	bool essential;
	bool programs; /* it has programs (dpkg/listing.h); inventory_read alone fills it */
	char wish; /* the administrator's selection: 'i' install, 'h' hold, 'r' remove, 'p' purge */
};

struct packages {
	struct package *items;
	size_t count;
};

void packages_free(struct packages *packages);
#define AUTO_PACKAGES CLEANUP(packages_free)

/* Appends a copy; strings that are NULL become "". */
int packages_add(struct packages *packages, const struct package *package, struct err *err);

/* The installed packages of these names ("zlib1g" finds each architecture); n 0: all. Names that
 * are not installed are left out. The caller frees *out also after an error. */
int packages_installed(const char *const *names, size_t n, struct packages *out, struct err *err);

/* Whether packages of one name and these architectures replace each other: from one version to another a package may
 * become "all", or cease to be. */
bool package_archs_fit(const char *a, const char *b);

/* Whether the package provides the virtual package of this name, in any version. */
bool package_provides(const struct package *package, const char *name);

/* 1 if the installed package's triggers file (deb-triggers(5)) has this line. */
int package_has_trigger(const char *query, const char *line, struct err *err);
