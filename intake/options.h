/* How a source is added. */
#pragma once

#include <stdbool.h>

struct intake_options {
	const char *name, *version; /* instead of the source's own; NULL: as the source has them */
	const char *soname;	/* NULL, or the soname that the source must have: else -ENODATA */
	const char *apt_config; /* APT_CONFIG for apt (apt.conf(5)); NULL: the environment's */
	bool opaque; /* ELF files are not read: the version gets no sonames, and suits any machine */
};
