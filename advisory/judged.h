/* The versions that are compared with lists of vulnerabilities, and how they are found by their packages' names. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct judged {
	const char *name, *version;	     /* the package */
	const char *source, *source_version; /* the source package */
	const char *release;		     /* of Debian, "11"; NULL: unknown */
};

struct judged_index {
	const struct judged *items; /* the caller's */
	size_t count;
	uint32_t *by_source, *by_name; /* numbers of items, sorted */
};

int judged_index_make(const struct judged *items, size_t count, struct judged_index *out,
		      struct err *err);
void judged_index_free(struct judged_index *index);
#define AUTO_JUDGED_INDEX CLEANUP(judged_index_free)

/* The versions of a source package, or of a package: *first becomes their numbers. Returns how many they are; of the name
 * "" there are none. */
size_t judged_by_source(const struct judged_index *index, const char *source, size_t len,
			const uint32_t **first);
size_t judged_by_name(const struct judged_index *index, const char *name, size_t len,
		      const uint32_t **first);
