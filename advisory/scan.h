/*
 * A record of the OSV schema, looked at as text before any of it is parsed: most records tell of packages that nobody
 * pinned. A name that the text does not have cannot be in the parsed record, so nothing is lost: a record with an
 * escape that could be part of a name counts as one that has it.
 */
#pragma once

#include "advisory/judged.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scanned {
	bool is_record;		     /* an object with "id" and "modified" */
	bool is_wanted;		     /* it may name a pinned source package */
	int64_t modified, published; /* INT64_MIN: none, or not a date */
};

/* newest[N] becomes the time of the newest record, by its publication, that tells of Debian N. */
void scan_record(const char *text, size_t len, const struct judged_index *index, int64_t *newest,
		 struct scanned *out);

/* Seconds since 1970 of a time as in RFC 3339, in UTC; INT64_MIN: it is none. */
int64_t scan_time(const char *text, size_t len);

/* The number of the release in "Debian:11"; 0: none ("Debian", "Debian:sid"); -1: another ecosystem. */
int scan_ecosystem(const char *text, size_t len);
