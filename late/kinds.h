/* The kinds of modules whose directories are known. To add one is to add a line to kinds.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Programs that are called user, or that load a library called so (fnmatch(3)), may load these modules
 * (glob(7)): "%s" is the multiarch triplet, and "/" at the end means all files *.so and *.node below. */
struct module_kind {
	const char *user, *modules;
	const char
		*note; /* a warning for the case that one of them would not work in a view; NULL */
	bool shared; /* packages of all kinds put modules there: a freeze takes only those that were built from
			the same source as the user, or that a script's package depends on */
};

extern const struct module_kind module_kinds[];
#define MODULE_KINDS_MAX 96
size_t module_kinds_count(void);
