#include "store/checksum.h"
#include "store/text.h"
#include "store/version.h"
#include "tests/unit/test.h"

#include "base/cleanup.h"

#define HEAD "pinlib-manifest\t2\nname\tlibfoo\nversion\t1.2\narch\tamd64\n"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A_FILE "file\t0644\t-5\t" SHA "\t5\t/usr/lib/libfoo.so.1.2\tlibfoo.so.1\n"

static struct err err;

/* version_parse of the text with its seal. */
static int parse(const char *text, struct version *out)
{
	size_t len = 0;
	AUTO_FREE char *sealed = checksum_added(text, &len, &err);
	int r = sealed ? version_parse(sealed, len, out, &err) : -ENOMEM;

	if (r < 0)
		CHECK(out->entries == NULL && out->name == NULL);
	return r;
}

static void test_round_trip(void)
{
	static const char text[] = HEAD "dir\t0755\t1600000000\t/usr\n"
					"dir\t0755\t1600000000\t/usr/lib\n"
					"link\tlibfoo.so.1.2\t/usr/lib/libfoo.so.1\n" A_FILE
					"file\t0755\t-5\t" SHA "\t0\t/usr/lib/x\xc3\xa4 y\n";
	AUTO_VERSION struct version v = {0};
	AUTO_FREE char *again = NULL;
	struct digest digest;
	size_t len = 0;

	CHECK(parse(text, &v) == 0);
	CHECK(v.nentries == 5);
	if (v.nentries != 5)
		return;
	CHECK_STR(v.name, "libfoo");
	CHECK_STR(v.entries[2].target, "libfoo.so.1.2");
	CHECK_STR(v.entries[3].soname, "libfoo.so.1");
	CHECK(v.entries[4].soname == NULL && v.entries[4].mode == 0755);
	CHECK(v.entries[0].time == 1600000000 && v.entries[2].time == 0 && v.entries[3].time == -5);
	CHECK(version_size(&v) == 5);
	digest = v.digest;
	struct entry first = v.entries[0];
	v.entries[0] = v.entries[4]; /* encoding sorts */
	v.entries[4] = first;
	CHECK(version_encode(&v, &again, &len, &err) == 0);
	CHECK(len == strlen(text) + CHECKSUM_LEN && checksum_holds(again, len));
	CHECK(strncmp(again, text, strlen(text)) == 0);
	CHECK(digest_equal(&digest, &v.digest));
}

static void test_malformed(void)
{
	static const char *const bad[] = {
		"",
		"pinlib-manifest\t3\nname\tx\nversion\t1\narch\tamd64\n",
		"pinlib-manifest\t2\n",
		"pinlib-manifest\t2\nname\tx\n",
		"pinlib-manifest\t2\nversion\t1\nname\tx\narch\tamd64\n",
		"pinlib-manifest\t2\nname\t\nversion\t1\narch\tamd64\n",
		"pinlib-manifest\t2\nname\tx\nversion\t1=2\narch\tamd64\n",
		"pinlib-manifest\t2\nname\tx y\nversion\t1\narch\tamd64\n",
		"pinlib-manifest\t2\nname\tx\nversion\t1\narch\tAMD64\n",
		"pinlib-manifest\t2\nname\tx\nversion\t1\narch\tamd64",
		HEAD "dir\t0755\t1600000000\t/usr",
		HEAD "\n",
		HEAD "dir\t0755\t1600000000\tusr\n",
		HEAD "dir\t0755\t1600000000\t/usr/\n",
		HEAD "dir\t0755\t1600000000\t/\n",
		HEAD "dir\t0755\t1600000000\t/usr/../etc\n",
		HEAD "dir\t0755\t1600000000\t/usr//lib\n",
		HEAD "dir\t755\t1600000000\t/usr\n",
		HEAD "dir\t4755\t1600000000\t/usr\n",
		HEAD "dir\t0755\t1600000000\t/usr\textra\n",
		HEAD "dir\t0755\t/usr\n",
		HEAD "dir\t0755\t\t/usr\n",
		HEAD "dir\t0755\t-\t/usr\n",
		HEAD "dir\t0755\t-0\t/usr\n",
		HEAD "dir\t0755\t01\t/usr\n",
		HEAD "dir\t0755\t+1\t/usr\n",
		HEAD "dir\t0755\t 1\t/usr\n",
		HEAD "dir\t0755\t1.5\t/usr\n",
		HEAD "dir\t0755\t-2147483649\t/usr\n",
		HEAD "dir\t0755\t15032385536\t/usr\n",
		HEAD "dir\t0755\t99999999999\t/usr\n",
		HEAD "dir\t0755\t18446744073709551616\t/usr\n",
		HEAD "file\t0644\t" SHA "\t5\t/x\n",
		HEAD "link\t1\ta\t/x\n",
		HEAD "dir\t0755\t1600000000\t/.wh.usr\n",
		HEAD "dir\t0755\t1600000000\t/b\ndir\t0755\t1600000000\t/a\n",
		HEAD "dir\t0755\t1600000000\t/a\ndir\t0755\t1600000000\t/a\n",
		HEAD "dir\t0755\t1600000000\t/\xff\n",
		HEAD "dir\t0755\t1600000000\t/\xc0\xaf\n",
		HEAD "dir\t0755\t1600000000\t/\xc2\x85\n",
		HEAD "dir\t0755\t1600000000\t/a\x1b[2J\n",
		HEAD "file\t4755\t-5\t" SHA "\t5\t/x\n",
		HEAD "file\t0644\t-5\tabcd\t5\t/x\n",
		HEAD "file\t0644\t-5\t" SHA "\t05\t/x\n",
		HEAD "file\t0644\t-5\t" SHA "\t-5\t/x\n",
		HEAD "file\t0644\t-5\t" SHA "\t99999999999999999999\t/x\n",
		HEAD "file\t0644\t-5\t" SHA "\t5\t/x\t\n",
		HEAD "link\t\t/x\n",
		HEAD "link\t../../x\t/a/b\n",
		HEAD "link\ta\t/x\ndir\t0755\t1600000000\t/x/y\n",
		HEAD "fifo\t0644\t/x\n",
		HEAD "dir\t0755\t1600000000\t/x\r\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO_VERSION struct version v = {0};
		int r = parse(bad[i], &v);

		if (r != -EBADMSG)
			fprintf(stderr, "case %zu: %d\n", i, r);
		CHECK(r == -EBADMSG);
	}
	AUTO_VERSION struct version nul = {0};
	CHECK(version_parse(HEAD "dir\t0755\t1\t/a\0b\n", strlen(HEAD) + 17, &nul, &err) ==
	      -EBADMSG);
	CHECK_STR(err.text, "has a NUL");
}

static void test_times(void)
{
	static const char *const good[] = {"0",		  "1",		"-1",
					   "-2147483648", "2147483648", "15032385535"};
	AUTO_VERSION struct version first = {0};

	MUST(parse(HEAD "dir\t0755\t0\t/usr\n" A_FILE, &first) == 0);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		AUTO_VERSION struct version v = {0};
		char text[512];

		snprintf(text, sizeof text, HEAD "dir\t0755\t%s\t/usr\n" A_FILE, good[i]);
		CHECK(parse(text, &v) == 0 && v.entries[0].time == atoll(good[i]));
		CHECK(digest_equal(&v.digest, &first.digest)); /* whatever the times */
	}
	CHECK(text_time_near(INT64_MIN) == TIME_EARLIEST &&
	      text_time_near(INT64_MAX) == TIME_LATEST);
	CHECK(text_time_near(-5) == -5);
	first.entries[0].time = TIME_LATEST + 1;
	AUTO_FREE char *text = NULL;
	size_t len;
	CHECK(version_encode(&first, &text, &len, &err) == -EPERM && !text);
}

/* The digest is the one of format 1, and a manifest of format 1 is refused as such. */
static void test_format_1(void)
{
	static const char old[] = "pinlib-manifest\t1\nname\tlibfoo\nversion\t1.2\narch\tamd64\n"
				  "dir\t0755\t/usr\n";
	AUTO_VERSION struct version v = {0}, none = {0};
	struct digest digest;

	CHECK(parse(HEAD "dir\t0755\t7\t/usr\n", &v) == 0);
	MUST(digest_data(old, strlen(old), &digest, &err) == 0);
	CHECK(digest_equal(&digest, &v.digest));
	CHECK(version_parse(old, strlen(old), &none, &err) == -EBADMSG);
	CHECK(strstr(err.text, "an older pinlib") != NULL);
}

/* With any bit changed the seal does not hold. */
static void test_seal(void)
{
	size_t len = 0;
	AUTO_FREE char *text = checksum_added(HEAD "dir\t0755\t1600000000\t/usr\n", &len, &err);
	AUTO_VERSION struct version v = {0};

	MUST(text);
	for (size_t i = 0; i < len * 8; i++) {
		text[i / 8] ^= (char)(1 << (i % 8));
		CHECK(version_parse(text, len, &v, &err) == -EBADMSG);
		text[i / 8] ^= (char)(1 << (i % 8));
	}
	CHECK(version_parse(text, len - 1, &v, &err) == -EBADMSG);
	CHECK(version_parse(text, len, &v, &err) == 0);
}

/* Every manifest cut short, and with each byte changed, is refused or means something else. */
static void test_mutations(void)
{
	static const char text[] = HEAD "dir\t0755\t1600000000\t/usr\n" A_FILE;
	char copy[sizeof text];

	for (size_t i = 0; i < sizeof text - 1; i++) {
		AUTO_VERSION struct version cut = {0}, changed = {0};
		int r;

		memcpy(copy, text, sizeof copy);
		copy[i] = '\0';
		r = parse(copy, &cut);
		CHECK(r < 0 || text[i - 1] == '\n');
		copy[i] = (char)(text[i] ^ 1 << (i % 8));
		r = parse(copy, &changed);
		CHECK(r == 0 || r == -EBADMSG);
	}
}

static void test_spec_parse(void)
{
	static const char *const bad[] = {"",
					  "libfoo",
					  "=1.2",
					  "libfoo=",
					  "a b=1",
					  "a=1 2",
					  "a=1=2",
					  "a:=1",
					  ":b=1",
					  "a:AMD=1",
					  "a:b:c=1",
					  "a\n=1",
					  "-a=1",
					  "a=sha256:1",
					  "a/b=1",
					  "a=sha256:1234567z",
					  "a=sha256:" SHA "0"};
	char longest[600];
	struct spec s;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (spec_parse(bad[i], &s, &err) != -EINVAL)
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK(spec_parse(bad[i], &s, &err) == -EINVAL);
	}
	CHECK(spec_parse("libz.so.1:amd64=1:1.2.11", &s, &err) == 0);
	CHECK_STR(s.name, "libz.so.1");
	CHECK_STR(s.arch, "amd64");
	CHECK_STR(s.version, "1:1.2.11");
	CHECK(spec_parse("a=sha256:" SHA, &s, &err) == 0);
	memset(longest, 'a', sizeof longest);
	memcpy(longest + 255, "=1", 3);
	CHECK(spec_parse(longest, &s, &err) == 0);
	memset(longest, 'a', sizeof longest);
	memcpy(longest + 256, "=1", 3);
	CHECK(spec_parse(longest, &s, &err) == -EINVAL);
}

static void test_matching(void)
{
	static const struct {
		const char *version, *wanted;
		bool yes;
	} versions[] = {
		{"1.2", "1.2", true},
		{"1.2.11", "1.2", true},
		{"1.2-3", "1.2", true},
		{"1.2+dfsg", "1.2", true},
		{"1.20", "1.2", false},
		{"1.2a", "1.2", false},
		{"1.2~rc1", "1.2", false},
		{"1:1.2.11-1", "1.2", true},
		{"1:1.2.11-1", "1:1.2", true},
		{"1:1.2.11-1", "1:1.2.11-1", true},
		{"1:1.2.11-1", "2:1.2", false},
		{"1:2.3", "1", false},
		{"1:1.2", "1", true},
		{"1.2", "1.2.11", false},
		{"1.2", "", false},
		{"1.2.11", ".2", false},
	};
	static const struct {
		const char *soname, *name;
		bool yes;
	} names[] = {
		{"libz.so.1", "libz.so.1", true},    {"libz.so.1", "libz", true},
		{"libz.so.1", "libz.so", false},     {"libssl.so.1.1", "libssl", true},
		{"libdb-5.3.so", "libdb-5.3", true}, {"libdb-5.3.so", "libdb", false},
		{"libz.so.1", "lib", false},	     {"lib.sound.so.2", "lib.sound", true},
		{"libz.so.1", "package", true},	     {"libz.so.1", "libzz", false},
	};

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct version v = {.version = (char *)versions[i].version};

		if (spec_matches_version(versions[i].wanted, &v) != versions[i].yes)
			fprintf(stderr, "%s of %s\n", versions[i].wanted, versions[i].version);
		CHECK(spec_matches_version(versions[i].wanted, &v) == versions[i].yes);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct entry e = {.type = ENTRY_FILE, .soname = (char *)names[i].soname};
		struct version v = {.name = (char *)"package", .entries = &e, .nentries = 1};

		CHECK(spec_matches_name(names[i].name, &v) == names[i].yes);
	}
}

static void test_digest_and_arch(void)
{
	struct version v = {.name = (char *)"x", .version = (char *)"1", .arch = (char *)"amd64"};
	struct spec s;

	CHECK(digest_parse(SHA, &v.digest));
	CHECK(spec_parse("x=sha256:01234567", &s, &err) == 0 && spec_matches(&s, &v));
	CHECK(spec_parse("x=sha256:" SHA, &s, &err) == 0 && spec_matches(&s, &v));
	CHECK(spec_parse("x=sha256:11234567", &s, &err) == 0 && !spec_matches(&s, &v));
	CHECK(spec_parse("x:i386=1", &s, &err) == 0 && !spec_matches(&s, &v));
	CHECK(spec_parse("x:amd64=1", &s, &err) == 0 && spec_matches(&s, &v));
	v.arch = (char *)"all";
	CHECK(spec_matches(&s, &v));
}

int main(void)
{
	test_round_trip();
	test_malformed();
	test_times();
	test_format_1();
	test_seal();
	test_mutations();
	test_spec_parse();
	test_matching();
	test_digest_and_arch();
	return test_end();
}
