/* Cautions: the entries that a text has, the faults that are reported, pinlib's own table, and the entry for a
 * program, by the machine's own dpkg. */
#include "base/file.h"
#include "dpkg/package.h"
#include "policy/caution.h"
#include "tests/unit/test.h"

#include <ctype.h>
#include <fcntl.h>

static struct err err;
static struct strings reports;

static void keep_report(void *ctx, const char *text)
{
	(void)ctx;
	CHECK(strings_add(&reports, text, &err) == 0);
}

/* The only report about this text, without the end that all have; "" if there is none. */
static const char *said(const char *text)
{
	static char first[ERR_TEXT_MAX];
	AUTO_CAUTIONS struct cautions c = {0};
	char *end;

	strings_free(&reports);
	CHECK(caution_parse(text, strlen(text), "t", &c, keep_report, NULL, &err) == 0);
	snprintf(first, sizeof first, "%s", reports.count ? reports.items[0] : "");
	end = strstr(first, "; pinlib ignores this entry");
	CHECK(reports.count < 2 && !end == !reports.count);
	if (end)
		*end = '\0';
	return first;
}

#define REST "reason r\nremedy m\n"

static void accepted(void)
{
	AUTO_CAUTIONS struct cautions c = {0};
	const char *text = "# a comment\n\n \t match /usr/bin/a*  package:b\t\nmatch provides:c\n"
			   "  grade\trefuse\n reason  one # reason, \xc3\xa9 \nremedy 'two'\n"
			   "match /x\nremedy m\nreason r\ngrade warn";

	strings_free(&reports);
	CHECK(caution_parse(text, strlen(text), "t", &c, keep_report, NULL, &err) == 0);
	CHECK(reports.count == 0);
	MUST(c.count == 2);
	MUST(c.items[0].matches.count == 3);
	CHECK_STR(c.items[0].matches.items[0], "/usr/bin/a*");
	CHECK_STR(c.items[0].matches.items[2], "provides:c");
	CHECK(c.items[0].grade == CAUTION_REFUSE && c.items[1].grade == CAUTION_WARN);
	CHECK_STR(c.items[0].reason, "one # reason, \xc3\xa9");
	CHECK_STR(c.items[0].remedy, "'two'");
	CHECK_STR(said(""), "");
	CHECK_STR(said("match /x\ngrade warn\n" REST), "");
}

static void faults(void)
{
	char text[400];

	CHECK_STR(said("match /x\ngrade warm\n" REST),
		  "t:2: the grade is warn or refuse, not 'warm'");
	CHECK_STR(said("match /x\ngrade warn\ngrade warn\n" REST),
		  "t:3: the entry already has a grade");
	CHECK_STR(said("match /x\ngrade warn\nreason r\n" REST),
		  "t:4: the entry already has a reason");
	CHECK_STR(said("\nmatch /x\n" REST), "t:2: the entry has no 'grade' line");
	CHECK_STR(said("match /x\ngrade warn\nremedy m"), "t:1: the entry has no 'reason' line");
	CHECK_STR(said("match /x\ngrade warn\nreason r"), "t:1: the entry has no 'remedy' line");
	CHECK_STR(said("grade warn\nmatch /x\ngrade warn\n" REST),
		  "t:1: 'grade' comes before the first 'match' line");
	CHECK_STR(said("match\ngrade warn\n" REST), "t:1: match needs a value");
	CHECK_STR(said("match x\ngrade warn\n" REST),
		  "t:1: 'x' is neither a full path nor package:NAME nor provides:NAME");
	CHECK_STR(said("match package:\ngrade warn\n" REST),
		  "t:1: 'package:' is neither a full path nor package:NAME nor provides:NAME");
	CHECK_STR(said("match /x\ngrade warn\nresaon r\n" REST), "t:3: unknown keyword 'resaon'");
	CHECK_STR(said("match /x\ngrade warn\nreason a\tb\nremedy m"),
		  "t:3: the reason has a control character");
	snprintf(text, sizeof text, "match /x\ngrade warn\nreason %0301d\nremedy m", 0);
	CHECK_STR(said(text), "t:3: the reason has more than 300 bytes");
}

/* A fault costs its own entry, and no other. */
static void others_stay(void)
{
	AUTO_CAUTIONS struct cautions c = {0};
	static const char text[] = "match /a\ngrade warn\n" REST "match /b\ngrade x\nreason\n" REST
				   "match /c\nmatch d\ngrade warn\n" REST
				   "match /e\ngrade warn\n" REST "match /f\ngrade warn\n" REST;

	strings_free(&reports);
	CHECK(caution_parse(text, sizeof text, "t", &c, keep_report, NULL, &err) == 0);
	MUST(reports.count == 4);
	CHECK(strncmp(reports.items[1], "t:7: reason needs a value", 25) == 0);
	CHECK(strstr(reports.items[3], "a NUL byte ends the text") != NULL);
	MUST(c.count == 2); /* the NUL costs the last one */
	CHECK_STR(c.items[0].matches.items[0], "/a");
	CHECK_STR(c.items[1].matches.items[0], "/e");
}

static size_t count_words(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == ' ';
	return n;
}

static void check_sentence(const char *text)
{
	CHECK(count_words(text) <= 25);
	CHECK(text[strlen(text) - 1] != '.' && !isupper((unsigned char)text[1]));
	if (count_words(text) > 25)
		fprintf(stderr, "%s\n", text);
}

static void read_shipped(struct cautions *out)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	strings_free(&reports);
	MUST(file_read_at(AT_FDCWD, "policy/programs.conf", CAUTION_SIZE_MAX, &text, &len, &err) ==
	     0);
	CHECK(caution_parse(text, len, "policy/programs.conf", out, keep_report, NULL, &err) == 0);
	for (size_t i = 0; i < reports.count; i++)
		fprintf(stderr, "%s\n", reports.items[i]);
	CHECK(reports.count == 0);
}

static void shipped(void)
{
	AUTO_CAUTIONS struct cautions c = {0};
	AUTO_STRINGS struct strings matches = {0};

	read_shipped(&c);
	CHECK(c.count > 15);
	for (size_t i = 0; i < c.count; i++) {
		check_sentence(c.items[i].reason);
		check_sentence(c.items[i].remedy);
		for (size_t k = 0; k < c.items[i].matches.count; k++) {
			const char *match = c.items[i].matches.items[k];

			/* A second time it would have no effect. */
			CHECK(!strings_have(&matches, match));
			CHECK(strings_add(&matches, match, &err) == 0);
		}
	}
}

/* grep is in a package that an entry names, mawk in one that provides awk, and curl in neither. */
static void found(void)
{
	AUTO_CAUTIONS struct cautions c = {0};
	const char *apps[] = {"/usr/bin/perl",	    "/usr/bin/curl",	    "/usr/bin/grep",
			      "/usr/bin/python3.9", "/usr/bin/python3.9/x", "/opt/grep",
			      "/usr/bin/mawk"};
	const struct caution *of[7];

	MUST(access("/usr/bin/dpkg-query", X_OK) == 0 && access("/usr/bin/mawk", X_OK) == 0);
	read_shipped(&c);
	CHECK(cautions_find(&c, apps, 7, of, &err) == 0);
	CHECK(of[0] && of[0]->grade == CAUTION_REFUSE);
	CHECK(!of[1] && !of[4] && !of[5]);
	CHECK(of[2] && of[2]->grade == CAUTION_REFUSE && of[2] == of[6]);
	CHECK(of[3] && of[3]->grade == CAUTION_WARN && of[3] != of[2]);
}

/* The first entry counts, whatever it matches by. */
static void first_counts(void)
{
	AUTO_CAUTIONS struct cautions c = {0};
	const char *app = "/usr/bin/perl";
	const char *text = "match /usr/bin/per?\ngrade warn\n" REST
			   "match package:perl-base\ngrade refuse\n" REST;
	const struct caution *of = NULL;

	CHECK(caution_parse(text, strlen(text), "t", &c, keep_report, NULL, &err) == 0);
	CHECK(cautions_find(&c, &app, 1, &of, &err) == 0 && of == &c.items[0]);
}

static void provided(void)
{
	char none[] = "", some[] = "awk, c-compiler (= 1.2), mail-reader:any";
	struct package p = {.provides = some};

	CHECK(package_provides(&p, "awk") && package_provides(&p, "c-compiler") &&
	      package_provides(&p, "mail-reader"));
	CHECK(!package_provides(&p, "aw") && !package_provides(&p, "compiler") &&
	      !package_provides(&p, "1.2"));
	p.provides = none;
	CHECK(!package_provides(&p, "awk") && !package_provides(&p, ""));
}

int main(void)
{
	accepted();
	faults();
	others_stay();
	shipped();
	found();
	first_counts();
	provided();
	strings_free(&reports);
	return test_end();
}
