/* Which pins move together, and to what. */
#include "renewal/unison.h"
#include "tests/unit/test.h"

#include <string.h>

static struct err err;

#define PINS_MAX 4

/* An app and what its pins' origins have; pin number i has a digest that begins with i. */
static struct pin pins[PINS_MAX];
static struct renewal renewals[PINS_MAX];
static struct renewal_candidate candidates[PINS_MAX][4];
static struct app app = {.path = "/usr/bin/app", .pins = pins};
static struct renewals all = {.items = renewals};

static void begin_app(void)
{
	memset(pins, 0, sizeof pins);
	memset(renewals, 0, sizeof renewals);
	app.npins = all.count = 0;
}

static struct renewal *pin(const char *name, const char *version, const char *arch,
			   const char *source, const char *source_version)
{
	struct renewal *r = &renewals[all.count];

	r->digest.bytes[0] = (unsigned char)all.count;
	pins[app.npins++] = (struct pin){.name = (char *)name,
					 .version = (char *)version,
					 .arch = (char *)arch,
					 .digest = r->digest};
	r->candidates = candidates[all.count++];
	r->name = (char *)name;
	r->version = (char *)version;
	r->arch = (char *)arch;
	r->provenance.source = (char *)source;
	r->provenance.source_version = (char *)source_version;
	r->source_known = r->source_version_known = true;
	return r;
}

/* Newest first. */
static void has(struct renewal *r, const char *version, const char *source,
		const char *source_version)
{
	r->candidates[r->ncandidates++] =
		(struct renewal_candidate){.version = (char *)version,
					   .arch = r->arch,
					   .source = (char *)source,
					   .source_version = (char *)source_version,
					   .same_upstream = version[0] == '1'};
}

static void both_architectures_and_a_binnmu(void)
{
	AUTO_UNISONS struct unisons u = {0};
	struct renewal *r;

	begin_app();
	r = pin("liba1", "1.0-1", "amd64", "ab", "1.0-1");
	has(r, "1.0-2+b1", "ab", "1.0-2");
	has(r, "1.0-2", "ab", "1.0-2");
	r = pin("liba1", "1.0-1", "i386", "ab", "1.0-1");
	has(r, "1.0-2", "ab", "1.0-2");
	r = pin("other", "1.0-1", "amd64", "other", "1.0-1");
	CHECK(unisons_find(&app, &all, &u, &err) == 0 && u.count == 2);
	CHECK(u.items[0].count == 2 && u.items[0].nsets == 1 && !u.items[0].held &&
	      !u.items[0].mixed);
	CHECK_STR(u.items[0].sets[0].of[0]->version, "1.0-2+b1");
	CHECK_STR(u.items[0].sets[0].of[1]->version, "1.0-2");
	CHECK(u.items[0].sets[0].same_upstream && u.items[1].nsets == 0);
}

static void incomplete_sets(void)
{
	AUTO_UNISONS struct unisons u = {0};
	struct renewal *r;

	begin_app();
	r = pin("liba1", "1.0-1", "amd64", "ab", "1.0-1");
	has(r, "2.0-1", "ab", "2.0-1");
	has(r, "1.0-3", "ab", "1.0-3");
	has(r, "1.0-2", "ab", "1.0-2");
	r = pin("libb1", "1.0-1", "amd64", "ab", "1.0-1");
	has(r, "2.0-1", "ab", "2.0-1");
	has(r, "1.0-2", "ab", "1.0-2");
	CHECK(unisons_find(&app, &all, &u, &err) == 0 && u.count == 1 && u.items[0].nsets == 2);
	CHECK_STR(u.items[0].held, "ab 1.0-3 is not complete: its origin has no libb1 of it");
	CHECK_STR(unison_newest(&u.items[0], true)->source_version, "1.0-2");
	CHECK_STR(unison_newest(&u.items[0], false)->source_version, "2.0-1");
	CHECK(unison_has(&u.items[0], "libb1") && !unison_has(&u.items[0], "libc1"));
}

/* One pin is at the newest version already: the other follows. */
static void mixed_pins(void)
{
	AUTO_UNISONS struct unisons u = {0};
	struct renewal *r;

	begin_app();
	r = pin("liba1", "1.0-2", "amd64", "ab", "1.0-2");
	has(r, "1.0-2", "ab", "1.0-2");
	r = pin("libb1", "1.0-1", "amd64", "ab", "1.0-1");
	has(r, "1.0-2", "ab", "1.0-2");
	has(r, "1.0-1", "ab", "1.0-1");
	CHECK(unisons_find(&app, &all, &u, &err) == 0 && u.count == 1);
	CHECK(u.items[0].mixed && u.items[0].nsets == 1);
}

static void renamed_source(void)
{
	AUTO_UNISONS struct unisons u = {0};
	struct renewal *r;

	begin_app();
	r = pin("liba1", "1.0-1", "amd64", "ab", "1.0-1");
	has(r, "1.0-2", "ab2", "1.0-2");
	r = pin("libb1", "1.0-1", "amd64", "ab", "1.0-1");
	has(r, "1.0-2", "ab2", "1.0-2");
	CHECK(unisons_find(&app, &all, &u, &err) == 0 && u.items[0].nsets == 1);
	CHECK_STR(u.items[0].sets[0].source, "ab2");
}

static void guessed_and_unknown(void)
{
	AUTO_UNISONS struct unisons u = {0}, v = {0};
	struct renewal *r;

	begin_app();
	r = pin("ab", "1", "amd64", "ab", "1");
	r->source_known = false;
	pin("liba1", "1.0-1", "amd64", "ab", "1.0-1");
	CHECK(unisons_find(&app, &all, &u, &err) == 0 && u.count == 2);
	r->source_known = true;
	r->unknown = (char *)"the mirror is gone";
	CHECK(unisons_find(&app, &all, &v, &err) == 0 && v.count == 1 && v.items[0].nsets == 0);
	CHECK_STR(v.items[0].held, "ab, of the same source, cannot move: the mirror is gone");
}

int main(void)
{
	both_architectures_and_a_binnmu();
	incomplete_sets();
	mixed_pins();
	renamed_source();
	guessed_and_unknown();
	return test_end();
}
