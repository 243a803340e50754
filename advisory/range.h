/* Whether a range of versions holds one: OSV's evaluation of events (https://ossf.github.io/osv-schema/), with the order
 * of deb-version(7). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Events of equal versions count in this order: a range that is introduced and fixed at once is empty. */
enum event_kind { EVENT_INTRODUCED, EVENT_LAST_AFFECTED, EVENT_FIXED, EVENT_LIMIT };

struct range_event {
	enum event_kind kind;
	const char *
		version; /* "0" of an introduction is before all versions, "*" of a limit behind them */
	size_t range; /* the caller's number of the range */
};

/* In any order. *fixed: the first version after this one that has the fix; NULL: there is none. */
bool range_affects(const struct range_event *events, size_t n, const char *version,
		   const char **fixed);

/* Whether a text is a version that debian_version_order (dpkg/control.h) can put in order. */
bool version_is_ordered(const char *text);
