/* Which versions have the same upstream. */
#include "renewal/upstream.h"
#include "tests/unit/test.h"

static const char *const same[][2] = {
	{"1:1.2.11.dfsg-2+deb11u2", "1:1.2.11.dfsg-2+deb11u3"},
	{"1:1.2.11.dfsg-2+deb11u2", "1.2.11-1"},
	{"2.9.10+dfsg-6.7", "2.9.10+dfsg1-1"},
	{"2.9.10~ds2-1", "2.9.10.repack-1"},
	{"67.1-7", "67.1-7+b1"},
	{"1.2-3", "1.2-3~bpo11+1"},
	{"1.2-3", "1.2-3ubuntu0.4"},
	{"5.4.1+really5.2.5-1", "5.2.5-0+deb12u1"},
	{"11.1", "11.1+deb11u9"},
	{"11.1+b2", "11.1+nmu1"},
	{"1.0", "1.0-1"},
	{"1.2-3-4", "1.2-3-5"},
};

static const char *const other[][2] = {
	{"1.1.1n-0+deb11u5", "1.1.1w-0+deb11u1"},
	{"1.2~rc1-1", "1.2-1"},
	{"1.2-3-4", "1.2-4"},
	{"20210119", "20230311"},
	{"5.4.1+really5.2.5-1", "5.4.1-1"},
	{"1.20.12", "1.20.13"},
	{"1.20-1", "1.2-1"},
	{"1.2+deb11u1-1", "1.2-1"},
	{"2.0+dfsg", "2.1+dfsg"},
	{"1ds", "1"},
	{"", "1"},
	{"+dfsg", ""},
	{"u1", "1"},
};

static void pairs(void)
{
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		CHECK(upstream_same(same[i][0], same[i][1]) &&
		      upstream_same(same[i][1], same[i][0]));
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		CHECK(!upstream_same(other[i][0], other[i][1]));
	CHECK(upstream_is_backport("1.2-3~bpo11+1") && !upstream_is_backport("1.2-3"));
}

int main(void)
{
	pairs();
	return test_end();
}
