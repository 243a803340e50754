/* Ranges of versions: OSV's events in dpkg's order, as a table. */
#include "advisory/range.h"
#include "tests/unit/test.h"

#define EVENTS 6

/* Events as words: "i0 f1.2-3": introduced, last affected, fixed, limit. */
static size_t events_of(char *words, struct range_event *out)
{
	size_t n = 0;
	char *word;

	while ((word = strsep(&words, " "))) {
		MUST(n < EVENTS);
		out[n++] = (struct range_event){
			.kind = *word == 'i'   ? EVENT_INTRODUCED
				: *word == 'l' ? EVENT_LAST_AFFECTED
				: *word == 'f' ? EVENT_FIXED
					       : EVENT_LIMIT,
			.version = word + 1,
		};
	}
	return n;
}

/* "affected FIXED", "affected", or "". */
static const char *judge(const char *words, const char *version)
{
	static char text[300];
	char copy[200];
	struct range_event events[EVENTS];
	const char *fixed;

	snprintf(copy, sizeof copy, "%s", words);
	if (!range_affects(events, events_of(copy, events), version, &fixed))
		return "";
	snprintf(text, sizeof text, "affected%s%s", fixed ? " " : "", fixed ? fixed : "");
	return text;
}

static const struct {
	const char *events, *version, *expected;
} table[] = {
	/* from the beginning, whatever sorts before "0" */
	{"i0", "1.0-1", "affected"},
	{"i0", "0~1", "affected"},
	{"i0 f1.2-3", "1.2-2", "affected 1.2-3"},
	{"i0 f1.2-3", "1.2-3", ""},
	{"i0 f1.2-3", "1.2-3+b1", ""},
	{"i0 f1:1.2.11.dfsg-2+deb11u2", "1:1.2.11.dfsg-2", "affected 1:1.2.11.dfsg-2+deb11u2"},
	{"i0 f1:1.2.11.dfsg-2+deb11u2", "1:1.2.11.dfsg-2+deb11u1",
	 "affected 1:1.2.11.dfsg-2+deb11u2"},
	{"i0 f1:1.2.11.dfsg-2+deb11u2", "1:1.2.11.dfsg-2+deb11u2", ""},
	{"i0 f1:1.2.11.dfsg-2+deb11u2", "1:1.2.11.dfsg-2+deb11u10", ""},
	/* an epoch is before all else */
	{"i0 f1:0.5", "2.0", "affected 1:0.5"},
	{"i0 f2.0", "1:0.5", ""},
	{"i0 f0:2.0", "2.0", ""},
	/* "~" is before the end */
	{"i0 f2.0", "2.0~rc1", "affected 2.0"},
	{"i2.0", "2.0~rc1", ""},
	{"i2.0~", "2.0~rc1", "affected"},
	/* numbers, not characters */
	{"i0 f1.10", "1.9", "affected 1.10"},
	{"i1.9 f1.10", "1.09", "affected 1.10"},
	/* only from a version on */
	{"i1.0 f2.0", "0.9", ""},
	{"i1.0 f2.0", "1.0", "affected 2.0"},
	/* several ranges in one timeline, in any order */
	{"i1.0 f1.2 i3.0 f3.2", "1.1", "affected 1.2"},
	{"i1.0 f1.2 i3.0 f3.2", "2.0", ""},
	{"i1.0 f1.2 i3.0 f3.2", "3.1", "affected 3.2"},
	{"f3.2 i3.0 f1.2 i1.0", "3.1", "affected 3.2"},
	{"f3.2 i3.0 f1.2 i1.0", "1.2", ""},
	{"i0 f1.2 i2.0", "2.5", "affected"},
	/* the last affected version is affected, the next is not */
	{"i0 l1.2", "1.2", "affected"},
	{"i0 l1.2", "1.2-1", ""},
	{"i1.2 l1.2", "1.2", "affected"},
	{"i0 l1.2 i2.0 f2.2", "2.1", "affected 2.2"},
	/* introduced and fixed at once: the range is empty */
	{"i1.0 f1.0", "1.0", ""},
	{"i1.0 f1.0", "1.1", ""},
	{"i0 f0", "1.0", ""},
	/* limits: one of several is enough, and "*" is none */
	{"i0 x2.0", "1.0", "affected"},
	{"i0 x2.0", "2.0", ""},
	{"i0 x2.0 x3.0", "2.5", "affected"},
	{"i0 x*", "99", "affected"},
	/* without an introduction nothing is affected */
	{"f1.0", "0.5", ""},
	{"l1.0", "0.5", ""},
};

int main(void)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		CHECK_STR(judge(table[i].events, table[i].version), table[i].expected);
	CHECK(version_is_ordered("1:1.2.11.dfsg-2+deb11u2") && version_is_ordered("0~~"));
	CHECK(!version_is_ordered("") && !version_is_ordered("<unfixed>") &&
	      !version_is_ordered("1.0 ") && !version_is_ordered("1.0\n"));
	return test_end();
}
