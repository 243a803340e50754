#include "advisory/range.h"

#include "dpkg/control.h"

#include <stdlib.h>
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

static int event_order(const void *a, const void *b)
{
	const struct range_event *x = a, *y = b;
	int order = is_beginning(y) - is_beginning(x);

	if (order == 0)
		order = debian_version_order(x->version, y->version);
	return order ? order : (int)x->kind - (int)y->kind;
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

bool range_affects(struct range_event *events, size_t n, const char *version, const char **fixed)
{
	bool affected = false;

	*fixed = NULL;
	if (n == 0 || !is_before_limits(events, n, version))
		return false;
	qsort(events, n, sizeof *events, event_order);
	for (size_t i = 0; i < n; i++) {
		const struct range_event *e = &events[i];
		int order = is_beginning(e) ? 1 : debian_version_order(version, e->version);

		if (e->kind == EVENT_INTRODUCED && order >= 0)
			affected = true;
		else if (e->kind == EVENT_FIXED && order >= 0)
			affected = false;
		else if (e->kind == EVENT_LAST_AFFECTED && order > 0)
			affected = false;
		else if (e->kind == EVENT_FIXED && !*fixed)
			*fixed = e->version;
	}
	return affected;
}
