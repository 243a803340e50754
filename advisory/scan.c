#include "advisory/scan.h"

#include "advisory/advice.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* -- times -- */

/* Days since 1970 of the proleptic Gregorian calendar; timegm(3) opens files, which a confined process cannot. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

int64_t scan_time(const char *text, size_t len)
{
	char copy[20] = "";
	int y, mo, d, h, mi, s, used = 0;

	if (len < 19)
		return INT64_MIN;
	memcpy(copy, text, 19);
	if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &used) != 6 ||
	    used != 19)
		return INT64_MIN;
	if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 ||
	    mi > 59 || s < 0 || s > 60)
		return INT64_MIN;
	return days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
}

/* -- members -- */

struct piece {
	const char *text;
	size_t len;
};

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* The string after the next "key" (given with its quotes) and a colon; *at moves behind it, or becomes NULL. A string with
 * escapes ends at the first of them. */
static bool next_member(const char **at, const char *end, const char *key, struct piece *out)
{
	const size_t len = strlen(key);

	while ((*at = memmem(*at, (size_t)(end - *at), key, len))) {
		const char *p = skip_blanks(*at + len, end);

		*at += len;
		if (p == end || *p != ':')
			continue;
		p = skip_blanks(p + 1, end);
		if (p == end || *p != '"')
			continue;
		out->text = ++p;
		while (p < end && *p != '"' && *p != '\\')
			p++;
		out->len = (size_t)(p - out->text);
		*at = p;
		return true;
	}
	return false;
}

static int64_t member_time(const char *text, const char *end, const char *key)
{
	struct piece value;

	return next_member(&text, end, key, &value) ? scan_time(value.text, value.len) : INT64_MIN;
}

/* Whether an escape stands for a character that source packages, or the key "name", have. No escape but \u does. */
static bool has_hidden_letter(const char *text, const char *end)
{
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), "\\u00", 4)); at += 4) {
		unsigned int c;
		char hex[3] = "";

		if (end - at < 6)
			return true;
		memcpy(hex, at + 4, 2);
		if (sscanf(hex, "%2x", &c) != 1 || islower((int)c) || isdigit((int)c) ||
		    (c && strchr("+-.", (int)c)))
			return true;
	}
	return false;
}

static bool names_wanted(const char *text, const char *end, const struct judged_index *index)
{
	struct piece name;
	const uint32_t *first;

	for (const char *at = text; at && next_member(&at, end, "\"name\"", &name);)
		if (judged_by_source(index, name.text, name.len, &first))
			return true;
	return has_hidden_letter(text, end);
}

/* -- releases -- */

int scan_ecosystem(const char *text, size_t len)
{
	int number = 0;

	if (len < 6 || memcmp(text, "Debian", 6) != 0 || (len > 6 && text[6] != ':'))
		return -1;
	for (size_t i = 7; i < len; i++) {
		if (!isdigit((unsigned char)text[i]) || number >= RELEASES_MAX / 10)
			return 0;
		number = number * 10 + text[i] - '0';
	}
	return number;
}

static void note_releases(const char *text, const char *end, int64_t published, int64_t *newest)
{
	static const char before[] = "\"Debian:";

	for (const char *at = text; (at = memmem(at, (size_t)(end - at), before, 8));) {
		const char *close = memchr(at + 1, '"', (size_t)(end - at - 1));
		int number = close ? scan_ecosystem(at + 1, (size_t)(close - at - 1)) : 0;

		at++;
		if (number > 0 && newest[number] < published)
			newest[number] = published;
	}
}

void scan_record(const char *text, size_t len, const struct judged_index *index, int64_t *newest,
		 struct scanned *out)
{
	const char *end = text + len, *first = skip_blanks(text, end), *at = text;
	struct piece id;

	*out = (struct scanned){.modified = INT64_MIN, .published = INT64_MIN};
	while (end > first && skip_blanks(end - 1, end) == end)
		end--;
	if (end - first < 2 || *first != '{' || end[-1] != '}')
		return;
	out->modified = member_time(text, end, "\"modified\"");
	out->is_record = next_member(&at, end, "\"id\"", &id) &&
			 (out->modified != INT64_MIN ||
			  memmem(text, (size_t)(end - text), "\"modified\"", 10));
	out->published = member_time(text, end, "\"published\"");
	note_releases(text, end, out->published, newest);
	out->is_wanted = names_wanted(text, end, index);
}
