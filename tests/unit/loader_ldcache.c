/* The loader's cache: the machine's own, one made by hand, and damaged ones. */
#include "loader/ldcache.h"

#include "tests/unit/loader_help.h"

#define OLD_HEADER 16
#define OLD_ENTRY 12
#define HEADER 48
#define ENTRY 24
#define FLIPS 6000

static void put32(char *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

/* Two entries, behind an old-format header of nold entries unless that is negative, whose entries
 * are all zero. *start is where the new format begins. */
static char *small(int nold, size_t *len, size_t *start)
{
	static const char strings[] = "libx.so.1\0/usr/lib/libx.so.1\0/opt/libx.so.1";
	char *data = calloc(1, 4096), *at = data;

	MUST(data);
	if (nold >= 0) {
		memcpy(at, "ld.so-1.7.0", 11);
		put32(at + 12, (uint32_t)nold);
		at += (OLD_HEADER + 12 * nold + 7) & ~7;
	}
	*start = (size_t)(at - data);
	memcpy(at, "glibc-ld.so.cache1.1", 20);
	put32(at + 20, 2);
	put32(at + 24, sizeof strings);
	for (uint32_t i = 0; i < 2; i++) {
		char *entry = at + HEADER + i * ENTRY;

		put32(entry, 0x303 - i * 0x300);
		put32(entry + 4, HEADER + 2 * ENTRY);
		put32(entry + 8, HEADER + 2 * ENTRY + (i ? 29 : 10));
	}
	memcpy(at + HEADER + 2 * ENTRY, strings, sizeof strings);
	*len = *start + HEADER + 2 * ENTRY + sizeof strings;
	return data;
}

/* Parses a copy that ends where its allocation ends, so that a byte too far is seen. */
static int parse(const char *data, size_t len, struct ldcache *out)
{
	char *copy = malloc(len ? len : 1);

	MUST(copy);
	memcpy(copy, data, len);
	return ldcache_parse(copy, len, out, &err);
}

/* Uses each string. */
static bool is_sane(const char *data, size_t len)
{
	AUTO_LDCACHE struct ldcache cache = {0};
	int r = parse(data, len, &cache);
	size_t used = 0;

	for (size_t i = 0; i < cache.count; i++)
		used += strlen(cache.entries[i].soname) + strlen(cache.entries[i].path) + 1;
	return r == 0 ? (used > 0) == (cache.count > 0)
		      : r == -EBADMSG && !cache.data && !cache.entries && err.text[0];
}

static void test_small(int nold)
{
	AUTO_LDCACHE struct ldcache cache = {0};
	size_t len, start;
	AUTO_FREE char *data = small(nold, &len, &start);

	CHECK(parse(data, len, &cache) == 0);
	MUST(cache.count == 2);
	CHECK_STR(cache.entries[0].soname, "libx.so.1");
	CHECK_STR(cache.entries[0].path, "/usr/lib/libx.so.1");
	CHECK(cache.entries[0].flags == 0x303 && cache.entries[0].hwcap == 0);
	CHECK_STR(cache.entries[1].path, "/opt/libx.so.1");
	CHECK(cache.entries[1].flags == 3);
}

static void test_truncated(int nold)
{
	size_t len, start, refused = 0;
	AUTO_FREE char *data = small(nold, &len, &start);

	for (size_t cut = 0; cut < len; cut++) {
		AUTO_LDCACHE struct ldcache cache = {0};
		int r = parse(data, cut, &cache);

		/* What is left may be a whole cache of the old format, and for the loader it is one. */
		refused += r == -EBADMSG || (nold >= 0 && cut < start + HEADER && r == 0 &&
					     cache.count == (size_t)nold);
	}
	CHECK(refused == len);
}

static void test_flipped(int nold)
{
	size_t len, start, sane = 0;
	AUTO_FREE char *data = small(nold, &len, &start), *damaged = malloc(len);

	MUST(damaged);
	for (int i = 0; i < FLIPS; i++) {
		memcpy(damaged, data, len);
		for (uint32_t n = 1 + next_random() % 3; n > 0; n--)
			damaged[next_random() % len] = (char)next_random();
		sane += is_sane(damaged, len);
	}
	CHECK(sane == FLIPS);
}

/* Each: a 32-bit number that a place does not allow. */
static void test_numbers(void)
{
	static const struct {
		int nold;
		size_t at; /* from the new header */
		uint32_t value;
	} cases[] = {
		{-1, 20, 3},			  /* more entries than bytes */
		{-1, 20, UINT32_MAX},		  /* so many that the product wraps in 32 bits */
		{-1, 20, 0x0aaaaaab},		  /* here too, to a small one */
		{-1, HEADER + 4, UINT32_MAX},	  /* a name far away */
		{-1, HEADER + 8, 141},		  /* a path just behind the end */
		{-1, 28, 3},			  /* the other byte order */
		{-1, 28, 1},			  /* marked as invalid */
		{2, HEADER + 8, UINT32_MAX - 40}, /* an offset that wraps with the old part's */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ldcache cache;
		size_t len, start;
		AUTO_FREE char *data = small(cases[i].nold, &len, &start);

		put32(data + start + cases[i].at, cases[i].value);
		CHECK(parse(data, len, &cache) == -EBADMSG);
	}
}

/* Counts of old entries that the file has no room for. */
static void test_old_count(void)
{
	static const uint32_t counts[] = {UINT32_MAX, 0x15555555, 0x7fffffff, 0x10000};

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct ldcache cache;
		size_t len, start;
		AUTO_FREE char *data = small(2, &len, &start);

		put32(data + 12, counts[i]);
		CHECK(parse(data, len, &cache) == -EBADMSG);
	}
}

/* The old format alone: offsets are from the end of the entries, and nothing is aligned. */
static void test_old(void)
{
	static const char strings[] = "libx.so.1\0/usr/lib/libx.so.1";
	char data[OLD_HEADER + OLD_ENTRY + sizeof strings] = "ld.so-1.7.0";
	AUTO_LDCACHE struct ldcache cache = {0};
	struct ldcache none;

	put32(data + 12, 1);
	put32(data + OLD_HEADER, 0x303);
	put32(data + OLD_HEADER + 8, 10);
	memcpy(data + OLD_HEADER + OLD_ENTRY, strings, sizeof strings);
	CHECK(parse(data, sizeof data, &cache) == 0);
	MUST(cache.count == 1 && cache.nhwcaps == 0);
	CHECK_STR(cache.entries[0].soname, "libx.so.1");
	CHECK_STR(cache.entries[0].path, "/usr/lib/libx.so.1");
	CHECK(cache.entries[0].flags == 0x303 && cache.entries[0].hwcap == 0);
	put32(data + OLD_HEADER + 8, sizeof strings);
	CHECK(parse(data, sizeof data, &none) == -EBADMSG);
	CHECK(parse(data, OLD_HEADER + OLD_ENTRY, &none) == -EBADMSG);
}

/* As many entries as ldconfig itself prints, the C library among them. */
static void test_real(void)
{
	AUTO_LDCACHE struct ldcache cache = {0};
	AUTO_FREE char *listed = NULL;
	bool libc = false;
	size_t len;

	CHECK(ldcache_read("/etc/ld.so.cache", &cache, &err) == 0);
	for (size_t i = 0; i < cache.count; i++)
		libc |= strcmp(cache.entries[i].soname, "libc.so.6") == 0 &&
			access(cache.entries[i].path, R_OK) == 0;
	CHECK(libc);
	sh("PATH=/sbin:/usr/sbin:$PATH ldconfig -p >listed");
	listed = get_file("listed", &len);
	CHECK(cache.count > 0 && cache.count == (size_t)atol(listed));
}

static void test_real_damaged(void)
{
	AUTO_FREE char *data = NULL, *damaged = NULL;
	size_t len, sane = 0;

	data = get_file("/etc/ld.so.cache", &len);
	damaged = malloc(len);
	MUST(damaged);
	for (int i = 0; i < 500; i++) {
		memcpy(damaged, data, len);
		for (int n = 0; n < 20; n++)
			damaged[next_random() % len] = (char)next_random();
		sane += is_sane(damaged, i % 2 ? len : next_random() % len);
	}
	CHECK(sane == 500);
}

static void test_files(void)
{
	struct ldcache cache;

	CHECK(ldcache_read("missing", &cache, &err) == -ENOENT);
	CHECK(!cache.entries && !cache.data);
	MUST(mkfifo("fifo", 0644) == 0);
	CHECK(ldcache_read("fifo", &cache, &err) == -EINVAL);
	CHECK(ldcache_read("/dev/zero", &cache, &err) == -EINVAL);
	put_text("empty", "");
	CHECK(ldcache_read("empty", &cache, &err) == -EBADMSG);
	CHECK(!cache.entries && !cache.data);
}

int main(void)
{
	static const int old_parts[] = {-1, 0, 1, 2};

	scratch_make();
	for (size_t i = 0; i < 4; i++) {
		test_small(old_parts[i]);
		test_truncated(old_parts[i]);
		test_flipped(old_parts[i]);
	}
	test_numbers();
	test_old_count();
	test_old();
	test_real();
	test_real_damaged();
	test_files();
	scratch_remove();
	return test_end();
}
