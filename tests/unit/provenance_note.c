/* Provenance: the note, what replaces it, and what stands in for it. */
#include "provenance/gather.h"
#include "store/note.h"
#include "tests/unit/store_help.h"

static struct store *store;

static struct digest digest_of(const char *text)
{
	struct digest d;

	MUST(digest_data(text, strlen(text), &d, &err) == 0);
	return d;
}

static void source_is(const char *value, const char *source, const char *version)
{
	AUTO_PROVENANCE struct provenance p = {0};

	CHECK(provenance_take_source(&p, value, "libz1", "2-1+b1", &err) == 0);
	if (source) {
		CHECK_STR(p.source, source);
		CHECK_STR(p.source_version, version);
	} else {
		CHECK(!p.source && !p.source_version);
	}
}

static void sources(void)
{
	char longer[600];

	source_is("", "libz1", "2-1+b1");
	source_is("zlib", "zlib", "2-1+b1");
	source_is("zlib (1:2-1)", "zlib", "1:2-1");
	source_is("zlib  (1:2-1)", "zlib", "1:2-1");
	source_is("Zope2.7 (2)", "Zope2.7", "2");
	/* What no control file of Debian's has is not a source. */
	source_is("zlib (1:2-1) x", NULL, NULL);
	source_is("zlib(1)", NULL, NULL);
	source_is("zlib (", NULL, NULL);
	source_is("zlib ()", NULL, NULL);
	source_is("(1)", NULL, NULL);
	source_is(" (1)", NULL, NULL);
	source_is("my product", NULL, NULL);
	source_is("a/b", NULL, NULL);
	source_is("-a", NULL, NULL);
	source_is("a\nconfidence\tapt", NULL, NULL);
	source_is("a (1\nconfidence\tapt)", NULL, NULL);
	source_is("a\x1b[31m", NULL, NULL);
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	source_is(longer, NULL, NULL);
}

static void guess_is(const char *version, const char *release)
{
	AUTO_PROVENANCE struct provenance p = {0};
	struct digest none = digest_of(version);

	CHECK(provenance_read(store, &none, "libz1", version, &p, &err) == 0);
	CHECK(p.guessed && p.confidence == CONFIDENCE_GIVEN);
	CHECK_STR(p.source, "libz1");
	CHECK_STR(p.source_version, version);
	CHECK(string_equal(p.release, release));
	CHECK(string_equal(p.distribution, release ? "debian" : NULL));
}

static void guesses(void)
{
	guess_is("1:1.2.11.dfsg-2+deb11u2", "11");
	guess_is("2.9.4+dfsg1-2.2+deb9u5", "9");
	guess_is("1-1", NULL);
	guess_is("1-1+deb11", NULL);
	guess_is("1-1+debu1", NULL);
	guess_is("1-1+debian11u1", NULL);
}

static const struct apt_voucher voucher = {.package = (char *)"libz1",
					   .version = (char *)"2-1+b1",
					   .arch = (char *)"amd64",
					   .component = (char *)"main",
					   .origin = (char *)"Debian",
					   .suite = (char *)"oldest-security",
					   .codename = (char *)"lenny-security",
					   .release = (char *)"5.0.10",
					   .date = (char *)"Sat, 31 Aug 2024 09:30:38 UTC",
					   .archive = {{1, 2, 3}},
					   .release_file = {{4, 5, 6}}};

static void fill(struct provenance *p, bool vouched)
{
	CHECK(provenance_take_source(p, "zlib (2-1)", "libz1", "2-1+b1", &err) == 0);
	if (vouched)
		CHECK(provenance_take_voucher(p, &voucher, &err) == 0);
}

static void is_vouched(const struct digest *digest)
{
	AUTO_PROVENANCE struct provenance p = {0};
	char text[PROVENANCE_TEXT];

	CHECK(provenance_read(store, digest, "libz1", "2-1+b1", &p, &err) == 0);
	CHECK(p.confidence == CONFIDENCE_APT && !p.guessed && p.has_archive && p.has_release_file);
	CHECK(digest_equal(&p.archive, &voucher.archive));
	CHECK(digest_equal(&p.release_file, &voucher.release_file));
	CHECK_STR(p.source, "zlib");
	CHECK_STR(p.source_version, "2-1");
	CHECK_STR(p.distribution, "debian");
	CHECK_STR(p.release, "5");
	CHECK_STR(p.codename, "lenny");
	CHECK_STR(p.suite, "oldest-security");
	CHECK_STR(p.component, "main");
	CHECK_STR(p.release_date, voucher.date);
	provenance_text(&p, text);
	CHECK_STR(text, "verified by apt (lenny-security)");
}

static void notes(void)
{
	AUTO_PROVENANCE struct provenance given = {0}, vouched = {0}, here = {0}, p = {0}, q = {0};
	const struct provenance nothing = {0};
	struct digest one = digest_of("1"), two = digest_of("2");
	char text[PROVENANCE_TEXT];

	/* Of which nothing is known has no note. */
	CHECK(provenance_write(store, &two, &nothing, &err) == 0);
	CHECK(access(in("store/provenance"), F_OK) < 0);

	fill(&given, false);
	CHECK(provenance_write(store, &one, &given, &err) == 0);
	CHECK(provenance_read(store, &one, "x", "y", &p, &err) == 0);
	CHECK(p.confidence == CONFIDENCE_GIVEN && !p.guessed && !p.has_archive);
	CHECK_STR(p.source, "zlib");
	provenance_text(&p, text);
	CHECK_STR(text, "a file somebody gave");

	/* More is kept in place of less, and never the reverse. */
	fill(&vouched, true);
	CHECK(provenance_write(store, &one, &vouched, &err) == 0);
	is_vouched(&one);
	here.confidence = CONFIDENCE_INSTALLED;
	fill(&here, false);
	CHECK(provenance_take_machine(&here, &err) == 0);
	CHECK(provenance_write(store, &one, &here, &err) == 0);
	CHECK(provenance_write(store, &one, &given, &err) == 0);
	CHECK(provenance_write(store, &one, &nothing, &err) == 0);
	is_vouched(&one);

	CHECK(provenance_write(store, &two, &here, &err) == 0);
	CHECK(provenance_read(store, &two, "x", "y", &q, &err) == 0);
	CHECK(q.confidence == CONFIDENCE_INSTALLED);
	provenance_text(&q, text);
	CHECK(strncmp(text, "installed here", strlen("installed here")) == 0);
}

/* Puts the note of a digest, with its checksum. */
static void put_note(const struct digest *digest, const char *text)
{
	MUST(note_write(store, "provenance", digest, text, &err) == 0);
}

static void damage(void)
{
	static const char *const incomplete[] = {
		"source\tzlib\nsource-version\t1\n",
		"confidence\tcertain\nsource\tzlib\nsource-version\t1\n",
		"confidence\tapt\nsource\tzlib\nsource-version\t1\n",
		"confidence\tapt\nsource\tzlib\nsource-version\t1\narchive\t12\nrelease-file\t34\n",
	};
	struct digest d = digest_of("damaged");
	char hex[DIGEST_HEX], path[256];

	/* A note that claims apt's confidence without what apt verified is none. */
	for (size_t i = 0; i < sizeof incomplete / sizeof *incomplete; i++) {
		AUTO_PROVENANCE struct provenance p = {0};

		put_note(&d, incomplete[i]);
		CHECK(provenance_read(store, &d, "x", "1+deb7u1", &p, &err) == 0);
		CHECK(p.confidence == CONFIDENCE_GIVEN && p.guessed);
		CHECK_STR(p.source, "x");
		CHECK_STR(p.release, "7");
	}
	digest_hex(&d, hex);
	snprintf(path, sizeof path, "store/provenance/%s", hex);
	put_file(in(path), "confidence\tapt\n", 15);
	for (int round = 0; round < 2; round++) { /* a whole note replaces a damaged one */
		AUTO_PROVENANCE struct provenance p = {0}, vouched = {0};

		CHECK(provenance_read(store, &d, "x", "1", &p, &err) == 0);
		CHECK(p.confidence == (round ? CONFIDENCE_APT : CONFIDENCE_GIVEN));
		fill(&vouched, true);
		CHECK(provenance_write(store, &d, &vouched, &err) == 0);
	}
}

int main(void)
{
	scratch_make();
	MUST(store_open(in("store"), true, &store, &err) == 0);
	sources();
	guesses();
	notes();
	damage();
	store_close(&store);
	scratch_remove();
	return test_end();
}
