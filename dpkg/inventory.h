/*
 * The inventory: all installed packages and all their files, read from dpkg once. A command that looks for the owners
 * of many files, or for the files of many packages, asks here; dpkg-query takes as long for one of them.
 */
#pragma once

#include "dpkg/listing.h"
#include "dpkg/owner.h"
#include "dpkg/package.h"

#include <stdint.h>

/* A path of a package. Several packages may have the same directory. */
struct inventory_path {
	const char *path; /* canonical: "/usr/lib/x" where the package has "/lib/x" */
	size_t package;
	bool diverted; /* the package's content is elsewhere, or another package's content is here */
	uint32_t other; /* number + 1 of the next one with this path; 0: there is none */
};

struct inventory {
	struct packages packages;    /* programs is known of each */
	struct package_files *files; /* of each package, in dpkg's order */
	struct inventory_path *paths;
	size_t npaths;
	uint32_t *buckets; /* of paths: number + 1, 0: free; a power of two of them */
	size_t nbuckets;
	char *canonical; /* paths that files does not have so */
};

/* On a system without dpkg the inventory is empty. */
int inventory_read(struct inventory *out, struct err *err);
void inventory_free(struct inventory *inventory);
#define AUTO_INVENTORY CLEANUP(inventory_free)

/* The first package's entry for a canonical path; NULL: no package has it. inventory_next gives the others'. */
const struct inventory_path *inventory_find(const struct inventory *inventory, const char *path);
const struct inventory_path *inventory_next(const struct inventory *inventory,
					    const struct inventory_path *path);

/* The number of the package that owns the file at a canonical path, or OWNER_NONE as for packages_owning. */
size_t inventory_owner(const struct inventory *inventory, const char *path);
/* The same for a wrapped program, whose path pinlib diverts. */
size_t inventory_owner_diverted(const struct inventory *inventory, const char *path);

/* The installed package of this name ("libc6"), of the architecture if the package has it for several; OWNER_NONE:
 * it is not installed. */
size_t inventory_package(const struct inventory *inventory, const char *name, const char *arch);
