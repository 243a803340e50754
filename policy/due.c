#include "policy/due.h"

#include "store/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY INT64_C(86400)
#define YEAR_LATEST 9999

/* A day of the calendar; the C library's time_t may end in 2038. */
struct calendar_day {
	int64_t year;
	int month, day; /* from 1 on */
};

const char *reason_fault(const char *reason)
{
	if (strlen(reason) > REASON_MAX)
		return "is longer than 1000 bytes";
	return text_fault(reason);
}

/* -- the calendar -- */

static int month_days(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days from 0001-01-01 to the first day of the year. */
static int64_t days_before(int64_t year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400;
}

/* Days since 1970. */
static int64_t day_number(struct calendar_day d)
{
	int64_t n = days_before(d.year) - days_before(1970) + d.day - 1;

	for (int month = 1; month < d.month; month++)
		n += month_days(d.year, month);
	return n;
}

/* The inverse, for days of the years from 1970 to YEAR_LATEST. */
static struct calendar_day day_of(int64_t number)
{
	struct calendar_day d = {.year = 1970 + number / 366, .month = 1, .day = 1};

	while (day_number((struct calendar_day){d.year + 1, 1, 1}) <= number)
		d.year++;
	number -= day_number(d);
	while (number >= month_days(d.year, d.month))
		number -= month_days(d.year, d.month++);
	d.day += (int)number;
	return d;
}

static int64_t day_end(int64_t number)
{
	return number * DAY + DAY - 1;
}

static int64_t clamp_time(int64_t time)
{
	return time < 0 ? 0 : time > UNTIL_LATEST ? UNTIL_LATEST : time;
}

static int64_t today(int64_t now)
{
	return clamp_time(now) / DAY;
}

void until_text(int64_t until, char text[UNTIL_TEXT])
{
	struct calendar_day d = day_of(today(until));
	char all[64]; /* the compiler does not know the ranges */

	snprintf(all, sizeof all, "%04lld-%02d-%02d", (long long)d.year, d.month, d.day);
	memcpy(text, all, UNTIL_TEXT - 1);
	text[UNTIL_TEXT - 1] = '\0';
}

/* -- what people write -- */

/* Reads n digits and the character after them. */
static bool read_digits(const char **at, int n, char end, int64_t *out)
{
	*out = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return *(*at)++ == end;
}

/* Whether the text has the form of a date; the day may not exist. */
static bool read_form(const char *text, struct calendar_day *out)
{
	int64_t month, day;

	if (!read_digits(&text, 4, '-', &out->year) || !read_digits(&text, 2, '-', &month) ||
	    !read_digits(&text, 2, '\0', &day))
		return false;
	out->month = (int)month;
	out->day = (int)day;
	return true;
}

int until_read_date(const char *text, int64_t *until, struct err *err)
{
	struct calendar_day d;
	char buf[TEXT_SHOWN];

	if (!read_form(text, &d))
		return err_set(err, EINVAL, "'%s' is not a date like 2027-06-30",
			       text_shown(text, buf));
	if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > month_days(d.year, d.month))
		return err_set(err, EINVAL, "the calendar has no day %s", text);
	if (d.year < 1970)
		return err_set(err, EINVAL, "%s is before 1970-01-01", text);
	*until = day_end(day_number(d));
	return 0;
}

/* The day that is a number of months later. */
static int64_t add_months(int64_t number, int64_t months)
{
	struct calendar_day d = day_of(number);
	int64_t month = d.month - 1 + months;

	d.year += month / 12;
	d.month = (int)(month % 12) + 1;
	if (d.day > month_days(d.year, d.month))
		d.day = month_days(d.year, d.month);
	return day_number(d);
}

/* Reads "90d": a number of up to 7 digits, and a unit. */
static bool read_duration(const char *text, int64_t *n, char *unit)
{
	size_t digits = strspn(text, "0123456789");

	if (digits < 1 || digits > 7 || !text[digits] || !strchr("dwmy", text[digits]))
		return false;
	*unit = text[digits];
	return read_digits(&text, (int)digits, *unit, n) && !*text;
}

int until_read(const char *text, int64_t now, int64_t *until, struct err *err)
{
	char buf[TEXT_SHOWN], day[UNTIL_TEXT], unit;
	struct calendar_day form;
	int64_t n, number = today(now);
	int r;

	*until = 0;
	if (strcmp(text, "never") == 0)
		return 0;
	if (read_form(text, &form)) {
		r = until_read_date(text, until, err);
		until_text(now, day);
		if (r == 0 && *until < day_end(number))
			r = err_set(err, EINVAL, "%s is in the past: today is %s in UTC", text,
				    day);
		return r;
	}
	if (!read_duration(text, &n, &unit) || n == 0)
		return err_set(err, EINVAL,
			       "'%s' is neither a date (2027-06-30) nor a duration from today on "
			       "(90d, 12w, 6m or 1y) nor 'never'",
			       text_shown(text, buf));
	number = unit == 'd'   ? number + n
		 : unit == 'w' ? number + 7 * n
			       : add_months(number, unit == 'm' ? n : 12 * n);
	if (day_end(number) > UNTIL_LATEST)
		return err_set(err, EINVAL, "%s from today on ends after 9999-12-31", text);
	*until = day_end(number);
	return 0;
}

/* -- what is due -- */

enum due due_state(int64_t until, int64_t now)
{
	if (until == 0)
		return DUE_NEVER;
	if (now > until)
		return DUE_OVER;
	return today(until) - today(now) <= DUE_SOON_DAYS ? DUE_SOON : DUE_LATER;
}

const char *due_name(enum due due)
{
	static const char *const names[] = {
		[DUE_NEVER] = "never",
		[DUE_LATER] = "later",
		[DUE_SOON] = "soon",
		[DUE_OVER] = "overdue",
	};

	return names[due];
}

void due_text(int64_t until, int64_t now, char text[DUE_TEXT])
{
	enum due due = due_state(until, now);
	char day[UNTIL_TEXT];

	until_text(until, day);
	*text = '\0';
	if (due == DUE_SOON || due == DUE_OVER)
		snprintf(text, DUE_TEXT, "%s %s", due == DUE_SOON ? "due" : "overdue since", day);
}

void due_distance(int64_t until, int64_t now, char text[DUE_DISTANCE])
{
	int64_t days = today(until) - today(now), n = days < 0 ? -days : days;
	const char *plural = n == 1 ? "" : "s";

	if (days == 0)
		snprintf(text, DUE_DISTANCE, "today");
	else if (days > 0)
		snprintf(text, DUE_DISTANCE, "in %lld day%s", (long long)n, plural);
	else
		snprintf(text, DUE_DISTANCE, "%lld day%s ago", (long long)n, plural);
}
