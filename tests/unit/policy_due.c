/* Dates and reasons: the calendar, --until, what is due, and their lines in descriptions. */
#include "policy/due.h"

#include "base/cleanup.h"
#include "policy/description.h"
#include "policy/policy.h"
#include "tests/unit/test.h"

static struct err err;

#define NOW INT64_C(1796083200) /* 2026-12-01 00:00:00 UTC */
#define DAY INT64_C(86400)

/* until_read at a time, as a date; "never", or the error. */
static const char *until_at(const char *text, int64_t now)
{
	static char day[UNTIL_TEXT];
	int64_t until;

	if (until_read(text, now, &until, &err) < 0)
		return err.text;
	if (until == 0)
		return "never";
	until_text(until, day);
	CHECK(until % DAY == DAY - 1);
	return day;
}

static const char *until_now(const char *text)
{
	return until_at(text, NOW);
}

/* Each day of the calendar, against the days before it. */
static void calendar(void)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t number = 0, read;
	int wrong = 0;

	for (int y = 1970; y <= 9999; y++)
		for (int m = 1; m <= 12; m++) {
			bool leap = m == 2 && (y % 400 == 0 || (y % 4 == 0 && y % 100 != 0));

			for (int d = 1; d <= lengths[m - 1] + leap; d++, number++) {
				char text[64], again[UNTIL_TEXT];

				if (d > 2 && d < 28)
					continue;
				snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
				until_text(number * DAY, again);
				wrong += strcmp(text, again) != 0 ||
					 until_read_date(text, &read, &err) < 0 ||
					 read != number * DAY + DAY - 1;
			}
		}
	CHECK(wrong == 0 && number * DAY - 1 == UNTIL_LATEST);
}

static void dates(void)
{
	static const char *const none[] = {"2027-02-31", "2027-02-29", "2100-02-29", "2027-13-01",
					   "2027-00-10", "2027-10-00", "2027-04-31"};
	static const char *const forms[] = {"",		  " 2027-06-30",  "2027-06-30 ",
					    "2027-6-30",  "10000-01-01",  "27-06-30",
					    "2027/06/30", "2027-06-30T1", "+027-06-30",
					    "2027-06",	  "20270630",	  "2027-06-3\x1b"};
	int64_t until;

	CHECK_STR(until_now("2027-06-30"), "2027-06-30");
	CHECK_STR(until_now("2028-02-29"), "2028-02-29");
	CHECK_STR(until_now("9999-12-31"), "9999-12-31");
	CHECK_STR(until_now("2026-12-01"), "2026-12-01");
	CHECK_STR(until_now("2026-11-30"), "2026-11-30 is in the past: today is 2026-12-01 in UTC");
	CHECK_STR(until_at("2026-11-30", NOW - 1), "2026-11-30");
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		CHECK(until_read_date(none[i], &until, &err) == -EINVAL);
		CHECK(strstr(err.text, "the calendar has no day"));
	}
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		CHECK(until_read_date(forms[i], &until, &err) == -EINVAL &&
		      strstr(err.text, "is not a date like 2027-06-30"));
		CHECK(until_read(forms[i], NOW, &until, &err) == -EINVAL &&
		      strstr(err.text, "neither a date"));
		CHECK(!strchr(err.text, '\x1b'));
	}
	CHECK(until_read_date("1969-12-31", &until, &err) == -EINVAL &&
	      strstr(err.text, "before 1970"));
	CHECK(until_read_date("0000-01-01", &until, &err) == -EINVAL);
	CHECK(until_read_date("1970-01-01", &until, &err) == 0 && until == DAY - 1);
}

static void durations(void)
{
	static const char *const none[] = {"0d",  "d",	 "-1d",	 "1",	      "1h",   "1D",
					   "1d ", " 1d", "1.5y", "12345678d", "1d2w", "0x1d"};

	CHECK_STR(until_now("never"), "never");
	CHECK_STR(until_now("1d"), "2026-12-02");
	CHECK_STR(until_now("90d"), "2027-03-01");
	CHECK_STR(until_now("12w"), "2027-02-23");
	CHECK_STR(until_now("1m"), "2027-01-01");
	CHECK_STR(until_now("6m"), "2027-06-01");
	CHECK_STR(until_now("1y"), "2027-12-01");
	/* The last day of a shorter month. */
	CHECK_STR(until_at("3m", NOW - DAY), "2027-02-28");
	CHECK_STR(until_at("1m", NOW + 60 * DAY), "2027-02-28");
	CHECK_STR(until_at("13m", NOW + 60 * DAY), "2028-02-29");
	CHECK_STR(until_at("1y", NOW + 455 * DAY), "2029-02-28"); /* from 2028-02-29 */
	CHECK_STR(until_now("7973y"), "9999-12-01");
	CHECK(strstr(until_now("7974y"), "ends after 9999-12-31"));
	CHECK(strstr(until_now("9999999y"), "ends after 9999-12-31"));
	CHECK(strstr(until_now("9999999w"), "ends after 9999-12-31"));
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		CHECK(strstr(until_now(none[i]), "neither a date"));
	/* A clock beyond the calendar. */
	CHECK_STR(until_at("1d", INT64_MIN), "1970-01-02");
	CHECK(strstr(until_at("1d", INT64_MAX), "ends after"));
}

static const char *due_of(const char *day, int64_t now)
{
	static char text[16 + DUE_TEXT + DUE_DISTANCE];
	char due[DUE_TEXT], distance[DUE_DISTANCE];
	int64_t until = 0;

	CHECK(until_read_date(day, &until, &err) == 0);
	due_text(until, now, due);
	due_distance(until, now, distance);
	snprintf(text, sizeof text, "%s|%s|%s", due_name(due_state(until, now)), due, distance);
	return text;
}

static void due(void)
{
	char text[DUE_TEXT];

	due_text(0, NOW, text);
	CHECK_STR(text, "");
	CHECK(due_state(0, INT64_MAX) == DUE_NEVER);
	CHECK_STR(due_of("2026-12-16", NOW), "later||in 15 days");
	CHECK_STR(due_of("2026-12-15", NOW), "soon|due 2026-12-15|in 14 days");
	CHECK_STR(due_of("2026-12-02", NOW + DAY - 1), "soon|due 2026-12-02|in 1 day");
	CHECK_STR(due_of("2026-12-01", NOW + DAY - 1), "soon|due 2026-12-01|today");
	CHECK_STR(due_of("2026-12-01", NOW + DAY), "overdue|overdue since 2026-12-01|1 day ago");
	CHECK_STR(due_of("1970-01-01", NOW), "overdue|overdue since 1970-01-01|20788 days ago");
	CHECK_STR(due_of("9999-12-31", INT64_MIN), "later||in 2932896 days");
	CHECK_STR(due_of("9999-12-31", INT64_MAX), "overdue|overdue since 9999-12-31|today");
}

static void reasons(void)
{
	char text[REASON_MAX + 2];

	memset(text, 'x', sizeof text);
	text[REASON_MAX] = '\0';
	CHECK(!reason_fault(text));
	text[REASON_MAX] = 'x';
	text[REASON_MAX + 1] = '\0';
	CHECK_STR(reason_fault(text), "is longer than 1000 bytes");
	CHECK(!reason_fault("gr\u00fc\u00dfe, \"quoted\" \\ # 100 %s"));
	CHECK_STR(reason_fault(""), "is empty");
	CHECK_STR(reason_fault("a\nb"), "has a control character");
	CHECK_STR(reason_fault("a\x1b[2J"), "has a control character");
	CHECK_STR(reason_fault("a\xc2\x9b"), "has a control character");
	CHECK_STR(reason_fault("a\xff"), "is not UTF-8");
}

/* -- descriptions -- */

/* Parses the lines about one app; NULL, or the error. */
static const char *describe(const char *lines, struct description *out)
{
	char text[4096];

	snprintf(text, sizeof text, "app /usr/bin/a\n%s\n", lines);
	*out = (struct description){0};
	return description_parse(text, strlen(text), "x", out, &err) < 0 ? err.text : NULL;
}

static void described(const char *lines, const char *reason, int64_t until)
{
	AUTO_DESCRIPTION struct description d = {0};
	const char *error = describe(lines, &d);

	CHECK_STR(error ? error : "", "");
	CHECK(d.count == 1 && string_equal(d.items[0].reason, reason) && d.items[0].until == until);
}

static void misdescribed(const char *lines, const char *error)
{
	AUTO_DESCRIPTION struct description d = {0};

	CHECK_STR(describe(lines, &d), error);
}

static void descriptions(void)
{
	char lines[REASON_MAX + 64];

	described("host", NULL, 0);
	described("host\nreason \"a \\\"b\\\" # \\\\ c\"\nuntil 2027-06-30", "a \"b\" # \\ c",
		  1814399999);
	described("pin libz=1\nuntil 1970-01-01 # past\nreason word", "word", DAY - 1);
	described("pin libz=1\nsealed\nreason x", "x", 0);
	misdescribed("host\nreason \"\"", "x:3: the reason '' is empty");
	misdescribed("host\nreason two words", "x:3: unexpected 'words'");
	misdescribed("host\nreason", "x:3: reason needs a value");
	misdescribed("host\nreason a\nreason b", "x:4: the program already has a 'reason' line");
	misdescribed("host\nreason \"\x1b[2J\"",
		     "x:3: the reason '\\x1b[2J' has a control character");
	misdescribed("host\nreason \xff", "x:3: the reason '\\xff' is not UTF-8");
	misdescribed("host\nuntil 2027-02-31", "x:3: the calendar has no day 2027-02-31");
	misdescribed("host\nuntil 90d", "x:3: '90d' is not a date like 2027-06-30");
	misdescribed("host\nuntil never", "x:3: 'never' is not a date like 2027-06-30");
	misdescribed("host\nuntil 2027-01-01\nuntil 2027-01-01",
		     "x:4: the program already has an 'until' line");
	misdescribed("absent\nuntil 2027-01-01",
		     "x:4: /usr/bin/a is absent and cannot have other lines");
	misdescribed("absent\nreason x", "x:4: /usr/bin/a is absent and cannot have other lines");
	for (int i = 0; i < 2; i++) {
		AUTO_DESCRIPTION struct description d = {0};
		const char *error;

		snprintf(lines, sizeof lines, "host\nreason %0*d", REASON_MAX + i, 0);
		error = describe(lines, &d);
		CHECK(i == 0 ? !error : error && strstr(error, "is longer than 1000 bytes"));
	}
}

/* What export writes, apply reads as the same; a reason that no command stores begins no line. */
static void written(const char *reason, int64_t until, const char *again)
{
	const struct app app = {
		.path = (char *)"/usr/bin/a", .reason = (char *)reason, .until = until};
	AUTO_DESCRIPTION struct description d = {0};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	MUST(f);
	description_write_app(f, &app);
	fclose(f);
	CHECK(description_parse(text, len, "x", &d, &err) == 0 && d.count == 1);
	CHECK_STR(d.items[0].reason ? d.items[0].reason : "-", again ? again : "-");
	CHECK(d.items[0].until == until);
}

int main(void)
{
	calendar();
	dates();
	durations();
	due();
	reasons();
	descriptions();
	written(NULL, 0, NULL);
	written("it's \"so\", # \\", 1814399999, "it's \"so\", # \\");
	written("x", UNTIL_LATEST, "x");
	written("a\napp /usr/bin/b\n\thost", 0, "a\\x0aapp /usr/bin/b\\x0a\\x09host");
	written("a\xff\x1b", 0, "a\\xff\\x1b");
	return test_end();
}
