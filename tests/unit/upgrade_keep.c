/* The input of the hooks, and the administrator's settings. The queries of dpkg are in
 * tests/scenarios/dpkg.test. */
#include "base/cleanup.h"
#include "tests/unit/test.h"
#include "upgrade/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ANY "org.debian.apt.hooks.install.statistics"

static struct err err;
static char path[] = "/tmp/pinlib-test-XXXXXX";

/* "NAME ARCH FROM TO|- FILE|- QUERY;" of each. */
static const char *shown(struct changes *changes)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < changes->count && used < sizeof text; i++) {
		const struct change *c = &changes->items[i];

		used += (size_t)snprintf(text + used, sizeof text - used, "%s %s %s %s %s %s;",
					 c->name, c->arch, c->from, c->to ? c->to : "-",
					 c->file ? c->file : "-", c->query);
	}
	return text;
}

/* The parsed message of apt, or the error's number. */
static const char *of_apt(const char *said)
{
	static char number[16];
	AUTO_CHANGES struct changes changes = {0};
	char *copy = strdup(said);
	int r = copy ? changes_of_apt(copy, &changes, &err) : -ENOMEM;

	free(copy);
	snprintf(number, sizeof number, "%d", r);
	return r < 0 ? number : shown(&changes);
}

static void apt(void)
{
	char eproto[16];

	snprintf(eproto, sizeof eproto, "%d", -EPROTO);
	CHECK_STR(of_apt("VERSION 3\n\n"), "");
	CHECK_STR(of_apt("VERSION 3\nAPT::X=a 1 b none < 2 c none /x\n\nlibz 1:1 amd64 same < 1:2 "
			 "amd64 "
			 "same /a b.deb\n"),
		  "libz amd64 1:1 1:2 /a b.deb libz:amd64;");
	CHECK_STR(
		of_apt("VERSION 3\n\na 1 all none > - - none **REMOVE**\nb 2 i386 foreign > 1 i386 "
		       "foreign /b\nc - - none < 1 amd64 none /c\nd 1 amd64 none < 2 amd64 none "
		       "**CONFIGURE**\ne 1 amd64 none < 2 amd64 none **ERROR**\nf 1 amd64 none = 1 "
		       "amd64 none /f\n"),
		"a all 1 - - a;b i386 2 1 /b b:i386;");
	CHECK_STR(of_apt("VERSION 3\n\na 1 all none < 2 all none /x"), "a all 1 2 /x a;");
	CHECK_STR(of_apt(""), eproto);
	CHECK_STR(of_apt("VERSION 2\n\n"), eproto);
	CHECK_STR(of_apt("VERSION 3\n\na 1 all none < 2 all none\n"), eproto);
	CHECK_STR(of_apt("VERSION 3\n\na 1 < 2 /x\n"), eproto);
	CHECK_STR(of_apt("VERSION 3"), "");
}

static const char *of_message(const char *said)
{
	static char number[16];
	AUTO_CHANGES struct changes changes = {0};
	int r = changes_of_message(said, ANY, &changes, &err);

	snprintf(number, sizeof number, "%d", r);
	return r < 0 ? number : shown(&changes);
}

#define PACKAGES(list) "{\"method\":\"" ANY "\",\"params\":{\"packages\":[" list "]}}"
#define CURRENT "\"current\":{\"version\":\"1\",\"architecture\":\"amd64\"}"
#define NEXT "\"install\":{\"version\":\"2\",\"architecture\":\"all\"}"

static void message(void)
{
	char eproto[16];

	snprintf(eproto, sizeof eproto, "%d", -EPROTO);
	CHECK_STR(of_message(PACKAGES("{\"name\":\"a\",\"mode\":\"upgrade\",\"versions\":{" CURRENT
				      "," NEXT "}}")),
		  "a amd64 1 2 - a:amd64;");
	/* Version 0.1 knows no mode "upgrade". */
	CHECK_STR(of_message(PACKAGES("{\"name\":\"a\",\"mode\":\"install\",\"versions\":{" CURRENT
				      "," NEXT "}}")),
		  "a amd64 1 2 - a:amd64;");
	CHECK_STR(
		of_message(PACKAGES("{\"name\":\"a\",\"mode\":\"deinstall\",\"versions\":{" CURRENT
				    "}},{\"name\":\"b\",\"mode\":\"purge\",\"versions\":{" CURRENT
				    "," NEXT "}}")),
		"a amd64 1 - - a:amd64;b amd64 1 - - b:amd64;");
	CHECK_STR(of_message(PACKAGES("{\"name\":\"a\",\"mode\":\"install\",\"versions\":{" NEXT
				      "}}")),
		  "");
	CHECK_STR(
		of_message(PACKAGES("{\"name\":\"a\",\"mode\":\"reinstall\",\"versions\":{" CURRENT
				    ",\"install\":{\"version\":\"1\"}}}")),
		"");
	CHECK_STR(of_message(PACKAGES("")), "");
	CHECK_STR(of_message("{\"method\":\"other\",\"params\":{\"packages\":[{\"name\":\"a\","
			     "\"versions\":{" CURRENT "}}]}}"),
		  "");
	CHECK_STR(of_message("{}"), "");
	CHECK_STR(of_message(PACKAGES("1, null, {}, []")), "");
	CHECK_STR(of_message(""), eproto);
	CHECK_STR(of_message("{\"method\":"), eproto);
	CHECK_STR(of_message(PACKAGES("\"no JSON\"")), eproto);
	CHECK_STR(of_message("[" ANY "]"), eproto);
}

/* Actions that change nothing on this system are not queried. */
static void dpkg(void)
{
	static const char *const lines[][5] = {
		{"dpkg", "--root=/x", "-r", "dpkg"},
		{"dpkg", "--instdir", "/x", "-r", "dpkg"},
		{"dpkg", "--no-act", "-r", "dpkg"},
		{"dpkg", "--simulate", "-P", "dpkg"},
		{"dpkg", "-r"},
		{"dpkg", "-D", "dpkg"},
		{"dpkg", "--log", "dpkg", "-r"},
		{"dpkg", "-r", "no-such-package"},
	};
	static const char *const real[] = {"dpkg", "-r", "--log", "-", "--", "dpkg", NULL};
	AUTO_CHANGES struct changes changes = {0}, other = {0};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char *const *argv = (char *const *)lines[i];

		CHECK(changes_of_dpkg(argv, "remove", &changes, &err) == 0 && changes.count == 0);
	}
	CHECK(changes_of_dpkg((char *const *)real, "remove", &changes, &err) == 0);
	CHECK(changes.count == 1 && strcmp(changes.items[0].name, "dpkg") == 0 &&
	      !changes.items[0].to);
	CHECK(changes_of_dpkg((char *const *)real, "configure", &other, &err) == 0);
	CHECK(other.count == 0);
	CHECK(changes_of_dpkg((char *const *)real, "install", &other, &err) == 0);
	CHECK(other.count == 0); /* there is no archive of that name */
}

/* 0, or the number of the line that is wrong. */
static int reads(const char *text, struct keep_conf *conf)
{
	FILE *f = fopen(path, "w");
	const char *line;
	int r;

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
	r = keep_conf_read(path, conf, &err);
	if (r == 0)
		return 0;
	line = strstr(err.text, ", line ");
	return r == -EINVAL && line ? atoi(line + 7) : -1;
}

static bool is_default(const struct keep_conf *c)
{
	return !c->all && !c->strict && c->days == 90 && c->bytes == 0;
}

static void settings(void)
{
	static const char *const wrong[] = {
		"keep",
		"keep =",
		"keep = most",
		"keep-strict = 1",
		"keep-days = ",
		"keep-days = -1",
		"keep-days = 1d",
		"keep-days = 1K",
		"keep-size = K",
		"keep-size = 1KB",
		"keep-size = 1T",
		"keep-size = 0x10",
		"keep-days = +1",
		"kept = all",
		"= all",
		"keep-days = 2147483648",
		"keep-days = 1 # x",
		"keep-size = 99999999999999999999",
		"keep-size = 16777216G",
	};
	struct keep_conf c;

	CHECK(keep_conf_read("/nonexistent/conf", &c, &err) == 0 && is_default(&c));
	CHECK(reads("", &c) == 0 && is_default(&c));
	CHECK(reads("# keep = all\n\n \t\n", &c) == 0 && is_default(&c));
	CHECK(reads("keep = all\nkeep-strict=yes\n\tkeep-days\t=\t0 \nkeep-size = 2G", &c) == 0);
	CHECK(c.all && c.strict && c.days == 0 && c.bytes == UINT64_C(2) << 30);
	CHECK(reads("keep-size = 3K\nkeep-size = 5M\nkeep = all\nkeep = apps\n", &c) == 0);
	CHECK(!c.all && c.bytes == UINT64_C(5) << 20);
	CHECK(reads("keep-size = 7\nkeep-days = 2147483647\n", &c) == 0);
	CHECK(c.bytes == 7 && c.days == 2147483647);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char text[256];

		snprintf(text, sizeof text, "keep = all\n%s\n", wrong[i]);
		if (reads(text, &c) == 2 && is_default(&c))
			test_passed++;
		else
			CHECK_STR("is taken", wrong[i]);
	}
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 2;
	close(fd);
	apt();
	message();
	dpkg();
	settings();
	unlink(path);
	return test_end();
}
