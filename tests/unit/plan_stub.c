/* Stubs: their words and the numbers that they hand over, and files that were stubs. */
#include "plan/stub.h"

#include "base/paths.h"
#include "tests/unit/scratch.h"

#include <elf.h>
#include <errno.h>

static bool parses(const char *word, const char *wanted, bool wants_unpinned)
{
	static char app[PATH_MAX];
	bool unpinned;

	return stub_parse_word(word, app, &unpinned) && strcmp(app, wanted) == 0 &&
	       unpinned == wants_unpinned;
}

static void check_words(void)
{
	static const char *const malformed[] = {
		"",
		":",
		"/",
		"refuse",
		"refuse:",
		"refuse:x",
		"refuse :/x",
		"pinned:/",
		"refuse:/%",
		"refuse:/%2",
		"refuse:/%2g",
		"refuse:/%00",
		"unpinned",
		"unpinned:%2Fx",
	};
	char word[STUB_WORD_MAX], app[PATH_MAX], every[260] = "/";
	bool unpinned;

	for (int byte = 1; byte < 256; byte++)
		every[byte] = (char)byte;
	/* In three parts, since an encoded byte takes three. */
	for (int part = 0; part < 3; part++) {
		snprintf(app, sizeof app, "/%.85s", every + 1 + part * 85);
		CHECK(stub_word(app, part == 1, word, &err) == 0 && !strpbrk(word, " \t\n"));
		CHECK(parses(word, app, part == 1));
	}
	CHECK(parses("refuse:/usr/bin/tool /bin/sh -e", "/usr/bin/tool", false));
	CHECK(parses("unpinned:/a%20b\t/bin/sh", "/a b", true));
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
		CHECK(!stub_parse_word(malformed[i], app, &unpinned));
	memset(app, 'x', sizeof app);
	memcpy(app, "/", 1);
	app[STUB_WORD_MAX - 8] = '\0';
	CHECK(stub_word(app, false, word, &err) == -ENAMETOOLONG);
	CHECK(stub_original("/usr/bin/tool", app) == 0);
	CHECK_STR(app, "/usr/bin/" PINLIB_REAL_DIR "/tool");
}

static void check_long_word(void)
{
	static char word[3 * PATH_MAX] = "refuse:", app[PATH_MAX];
	bool unpinned;

	memset(word + 7, '/', 2 * PATH_MAX);
	CHECK(!stub_parse_word(word, app, &unpinned));
	word[7 + PATH_MAX - 1] = '\0';
	CHECK(stub_parse_word(word, app, &unpinned) && strlen(app) == PATH_MAX - 1);
}

static void check_kept(void)
{
	static const char *const malformed[] = {
		"",	     "0",	   "0:0:0:0",  "0:0:0:",
		"0:0:0:0:0", "0:0:0:0:0:", "-:0:0:0:", "0::0:0:",
		"0:0:0:g:",  "0x0:0:0:0:", "F:0:0:0:", "00000000000000000:0:0:0:",
		" 0:0:0:0:", "--",
	};
	struct stub_kept kept;

	CHECK(stub_parse_kept("-", &kept) && !kept.stack && !kept.signal);
	CHECK(stub_parse_kept("ffffffffffffffff:40000:f:1:", &kept) && kept.stack == ~UINT64_C(0) &&
	      kept.personality == 0x40000 && kept.signal == 15 && kept.parent == 1);
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
		CHECK(!stub_parse_kept(malformed[i], &kept));
}

static enum stub_form form_of(const char *data, size_t len, char app[PATH_MAX])
{
	FILE *f = fopen(in("file"), "w");

	MUST(f && fwrite(data, 1, len, f) == len && fclose(f) == 0);
	return stub_read(in("file"), app);
}

/* A stub that lost its end, or one of whose bytes is another, is a stub still. */
static void check_damage(void)
{
	char path[PATH_MAX], app[PATH_MAX], *data;
	struct stub stub = {.magic = STUB_MAGIC, .word = "refuse:/usr/bin/tool"};
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 20);
	size_t len = 0, none = 0, taken = 0;

	MUST(n > 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/../pinlib-stub");
	data = get_file(path, &len);
	MUST(len == STUB_SIZE);
	CHECK(form_of(data, len, app) == STUB_DAMAGED); /* PINLIB_STUB itself has no app */
	memcpy(data + STUB_AT, &stub, sizeof stub);
	CHECK(form_of(data, len, app) == STUB_ELF);
	CHECK_STR(app, "/usr/bin/tool");
	for (size_t size = 1; size < len; size++)
		none += form_of(data, size, app) == STUB_NONE;
	CHECK(none == 0);
	for (size_t at = 0; at < len; at++) {
		data[at] ^= 0x55;
		none += form_of(data, len, app) == STUB_NONE;
		taken += at < SELFMAG && form_of(data, len, app) == STUB_ELF;
		data[at] ^= 0x55;
	}
	CHECK(none == 0 && taken == 0);
	free(data);
}

static void check_others(void)
{
	static const char script[] = "#!" PINLIB_STUB " refuse:/usr/bin/tool /bin/sh\n";
	char app[PATH_MAX], *data;
	size_t len;

	CHECK(form_of(script, strlen(script), app) == STUB_SCRIPT);
	CHECK_STR(app, "/usr/bin/tool");
	CHECK(form_of("#!" PINLIB_STUB " x", sizeof "#!" PINLIB_STUB " x", app) == STUB_NONE);
	CHECK(form_of("#!/bin/sh\n", 10, app) == STUB_NONE);
	CHECK(form_of("", 0, app) == STUB_NONE);
	CHECK(stub_read(in("missing"), app) == STUB_NONE);
	data = get_file("/proc/self/exe", &len);
	CHECK(form_of(data, len, app) == STUB_NONE);
	free(data);
}

int main(void)
{
	scratch_new();
	check_words();
	check_long_word();
	check_kept();
	check_damage();
	check_others();
	scratch_remove();
	return test_end();
}
