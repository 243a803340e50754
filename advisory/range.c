#include "advisory/range.h"

#include "dpkg/control.h"

#include <string.h>

#define VERSION_MAX 250 /* debian_version_order looks at no more */

bool version_is_ordered(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= VERSION_MAX &&
	       strspn(text,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+~:-") == len;
}

static bool is_beginning(const struct range_event *e)
{
	return e->kind == EVENT_INTRODUCED && strcmp(e->version, "0") == 0;
}

static int event_order(const struct range_event *x, const struct range_event *y)
{
	int order = is_beginning(y) - is_beginning(x);

	if (order == 0)
		order = debian_version_order(x->version, y->version);
	return order ? order : (int)x->kind - (int)y->kind;
}

/* Whether the event has happened when this version comes. */
static bool is_past(const struct range_event *e, const char *version)
{
	int order = is_beginning(e) ? 1 : debian_version_order(version, e->version);

	return e->kind == EVENT_LAST_AFFECTED ? order > 0 : e->kind != EVENT_LIMIT && order >= 0;
}

static bool is_before_limits(const struct range_event *events, size_t n, const char *version)
{
	bool limited = false;

	for (size_t i = 0; i < n; i++) {
		if (events[i].kind != EVENT_LIMIT)
			continue;
		limited = true;
		if (strchr(events[i].version, '*') ||
		    debian_version_order(version, events[i].version) < 0)
			return true;
	}
	return !limited;
}

/* The last of the past events decides. Nothing is sorted: qsort(3) makes system calls that a confined process may not. */
bool range_affects(const struct range_event *events, size_t n, const char *version,
		   const char **fixed)
{
	const struct range_event *last = NULL;

	*fixed = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct range_event *e = &events[i];

		if (is_past(e, version))
			last = last && event_order(e, last) < 0 ? last : e;
		else if (e->kind == EVENT_FIXED &&
			 (!*fixed || debian_version_order(e->version, *fixed) < 0))
			*fixed = e->version;
	}
	return last && last->kind == EVENT_INTRODUCED && is_before_limits(events, n, version);
}
