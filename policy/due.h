/*
 * Why a program is pinned, until when, and which date has come.
 *
 * A date is a day of the Gregorian calendar in UTC, and stands for the last second of that day. So a date means the same
 * moment on each machine, whatever its time zone is. Dates begin with 1970-01-01 and end with 9999-12-31.
 *
 * A date only has commands print it: no pin goes because its date has come (DESIGN.md, dates-remind).
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

#define REASON_MAX 1000 /* bytes */

/* NULL, or the fault of the reason as the end of a sentence: "has a control character". */
const char *reason_fault(const char *reason);

/* Seconds since 1970: the last second of 9999-12-31. */
#define UNTIL_LATEST INT64_C(253402300799)
#define UNTIL_TEXT sizeof "9999-12-31"

/* Reads "2027-06-30", whether it is past or not. -EINVAL: that is no day, or no text of this form. */
int until_read_date(const char *text, int64_t *until, struct err *err);

/* Reads the argument of --until: a date that is not before today; "never", which is 0; or a duration from today on: a number of
 * days, weeks, months or years (90d, 12w, 6m, 1y). Months and years keep the day of the month, or take the last day of a
 * shorter month. now: seconds since 1970. */
int until_read(const char *text, int64_t now, int64_t *until, struct err *err);

/* The day of a time from 0 to UNTIL_LATEST, as "2027-06-30"; times beyond become the nearest. */
void until_text(int64_t until, char text[UNTIL_TEXT]);

#define DUE_SOON_DAYS 14

enum due {
	DUE_NEVER, /* there is no date */
	DUE_LATER,
	DUE_SOON, /* within DUE_SOON_DAYS, today included */
	DUE_OVER, /* the day has ended */
};

/* until as in struct app: 0 is no date. */
enum due due_state(int64_t until, int64_t now);
const char *due_name(enum due due); /* "never", "later", "soon", "overdue" */

/* "due 2026-12-10" or "overdue since 2026-12-10"; "" where nothing is due. */
#define DUE_TEXT (sizeof "overdue since " + UNTIL_TEXT)
void due_text(int64_t until, int64_t now, char text[DUE_TEXT]);

/* "in 211 days", "today", "1 day ago": from today to the day of until. */
#define DUE_DISTANCE 64
void due_distance(int64_t until, int64_t now, char text[DUE_DISTANCE]);
