/* Symbol versions of whole files, as the loader checks them before it relocates anything (glibc's
 * elf/dl-version.c), and the levels of x86-64 that the files need. musl checks neither. */
#pragma once

#include "loader/walk.h"

struct gaps {
	struct gap *items;
	size_t count;
};

/* Appends the versions and levels that an object of the walk needs and does not get. */
int versions_check(struct load_walk *walk, struct gaps *out, struct err *err);
