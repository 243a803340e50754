/* What is added, and how. */
#pragma once

#include "base/strings.h"
#include "dpkg/listing.h"
#include "dpkg/package.h"

#include <stdbool.h>

struct intake_options {
	const char *name, *version; /* instead of the source's own; NULL: as the source has them */
	const char *soname;	/* NULL, or the soname that the source must have: else -ENODATA */
	const char *apt_config; /* APT_CONFIG for apt (apt.conf(5)); NULL: the environment's */
	struct strings *
		unverified; /* NULL, or gets a sentence about each download that apt did not verify */
	bool opaque; /* ELF files are not read: the version gets no sonames, and suits any machine */
};

/* An installed package, as dpkg listed it. */
struct intake_package {
	const struct package *package;
	const struct package_files *files;
	struct strings
		*left_out; /* gets two strings for each file that is left out: the path, and why */
};
