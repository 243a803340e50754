/* The reader of vulnerability data, taken over by a record: each of its attempts is held, and its answers are taken for
 * hostile. This is built without sanitizers, which need system calls that a parser lacks; and osv_judge here replaces
 * the judge of records. */
#include "advisory/advisory.h"
#include "advisory/osv.h"
#include "base/parser.h"
#include "tests/unit/confined.h"
#include "tests/unit/scratch.h"

#include <time.h>

static attack_fn *attack;
static int records;

struct osv *osv_new(const struct judged_index *index)
{
	(void)index;
	return malloc(1);
}

void osv_free(struct osv **osv)
{
	free(*osv);
}

/* The descriptor that came with the question is the first free one. */
int64_t osv_judge(struct osv *osv, const char *text, size_t len, const char *member)
{
	(void)osv, (void)len, (void)member;
	records++;
	if (strstr(text, "attack"))
		attack(2);
	return 0;
}

void osv_tell_releases(const struct osv *osv)
{
	(void)osv;
}

static void put_text(const char *path, const char *text)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
	MUST(file_mkdirs(dir, &err) == 0);
	MUST(file_publish(AT_FDCWD, path, text, strlen(text), 0644, &err) == 0);
}

/* -- answers -- */

static void hit(uint32_t version, const char *id, const char *fixed)
{
	advice_emit((struct advice){.type = ADVICE_HIT, .version = version, .basis = BASIS_OWN},
		    (const char *[ADVICE_TEXTS]){[TEXT_ID] = id, [TEXT_FIXED] = fixed});
}

static void no_such_version(int fd)
{
	(void)fd;
	hit(1, "CVE-1", "");
}

static void no_id(int fd)
{
	(void)fd;
	hit(0, "", "");
}

static void no_version(int fd)
{
	(void)fd;
	hit(0, "CVE-1", "\033[31m");
}

static void nonsense(int fd)
{
	(void)fd;
	advice_emit((struct advice){.type = 99}, NULL);
}

static void far_release(int fd)
{
	(void)fd;
	advice_emit((struct advice){.type = ADVICE_RELEASE, .number = RELEASES_MAX}, NULL);
}

static void long_text(int fd)
{
	struct advice a = {.type = ADVICE_PROBLEM, .len = {UINT32_MAX}};

	(void)fd;
	(void)!write(1, &a, sizeof a);
}

static void talk_for_ever(int fd)
{
	(void)fd;
	for (;;)
		advice_problem("x", "y");
}

static void hit_for_ever(int fd)
{
	char id[32];

	(void)fd;
	for (unsigned int i = 0;; i++) {
		snprintf(id, sizeof id, "CVE-%u", i);
		hit(0, id, "");
	}
}

/* Many hits of one id with other ids each, and many that name each other. */
static void hit_often(int fd)
{
	char id[32], others[32];

	(void)fd;
	for (unsigned int i = 0; i < 200000; i++) {
		snprintf(others, sizeof others, "Y-%u", i);
		advice_emit(
			(struct advice){.type = ADVICE_HIT, .basis = BASIS_OWN},
			(const char *[ADVICE_TEXTS]){[TEXT_ID] = "CVE-1", [TEXT_NAMES] = others});
		snprintf(id, sizeof id, "X-%u", i);
		snprintf(others, sizeof others, "X-%u", 200000 - i);
		advice_emit((struct advice){.type = ADVICE_HIT, .basis = BASIS_OWN},
			    (const char *[ADVICE_TEXTS]){[TEXT_ID] = id, [TEXT_NAMES] = others});
	}
}

static void end_early(int fd)
{
	(void)fd;
	_exit(0);
}

static void write_controls(int fd)
{
	(void)fd;
	hit(0, "CVE-\033[31m\n", "");
	advice_problem("a\nb\033", "c\rd");
}

static const struct attack lies[] = {
	{"a version that is not there", no_such_version, "sent an invalid answer"},
	{"a hit without an id", no_id, "sent an invalid answer"},
	{"a version that is none", no_version, "sent an invalid answer"},
	{"an answer of no kind", nonsense, "sent an invalid answer"},
	{"a release that is not there", far_release, "sent an invalid answer"},
	{"a text that does not end", long_text, "sent an invalid answer"},
	{"an early end", end_early, "ended early"},
};

/* -- the reader -- */

static const struct judged judged[] = {{"zlib1g", "1", "zlib", "1", "11"}};

/* True if the file that attacks is the only problem, with this text, and the file beside it was read. */
static bool held(attack_fn *what, const char *text)
{
	AUTO_ADVISORIES struct advisories found = {0};
	int r;
	bool is_held;

	attack = what;
	r = advisories_read(in("data"), judged, 1, &found, &err);
	is_held = r == 0 && found.found.count == 0 && found.nproblems == 1 &&
		  strstr(found.problems.items[0], text) &&
		  strstr(found.problems.items[0], "bad.json") && found.nsets == 1 &&
		  found.sets[0].records >= 1 && waitpid(-1, NULL, WNOHANG) < 0;
	if (!is_held)
		fprintf(stderr, "%d: %s; %zu: %s\n", r, r < 0 ? err.text : "", found.nproblems,
			found.nproblems ? found.problems.items[0] : "");
	return is_held;
}

static void test_attacks(const struct attack *attacks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool is_held;

		if (cannot_try(&attacks[i]))
			continue;
		is_held = held(attacks[i].fn, attacks[i].said);
		if (!is_held)
			fprintf(stderr, "not held: %s\n", attacks[i].name);
		CHECK(is_held);
	}
	CHECK(access(victim, F_OK) == 0 && access(outside, F_OK) < 0);
}

static void test_endless(void)
{
	AUTO_ADVISORIES struct advisories found = {0};

	parser_seconds = 1;
	CHECK(held(loop, "did not answer for 1 seconds"));
	parser_seconds = 60;
	attack = hit_for_ever;
	CHECK(advisories_read(in("data"), judged, 1, &found, &err) == -EFBIG);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

/* The work of merging is bounded. */
static void test_often(void)
{
	AUTO_ADVISORIES struct advisories found = {0};
	time_t before = time(NULL);

	attack = hit_often;
	CHECK(advisories_read(in("data"), judged, 1, &found, &err) == 0);
	CHECK(found.found.count > 100000 && time(NULL) - before < 30);
}

/* A flood of problems is cut off, and only the first ones are kept. */
static void test_flood(void)
{
	AUTO_ADVISORIES struct advisories found = {0};

	attack = talk_for_ever;
	CHECK(advisories_read(in("data"), judged, 1, &found, &err) == 0);
	CHECK(found.problems.count == PROBLEMS_KEPT && found.nproblems > PROBLEMS_KEPT);
}

static void test_controls(void)
{
	AUTO_ADVISORIES struct advisories found = {0};

	attack = write_controls;
	CHECK(advisories_read(in("data"), judged, 1, &found, &err) == 0);
	CHECK(found.found.count == 1 && found.nproblems == 1);
	if (found.found.count == 1 && found.nproblems == 1) {
		CHECK_STR(found.found.items[0].id, "CVE-?[31m?");
		CHECK(strstr(found.problems.items[0], "(a?b?): c?d") != NULL);
	}
}

/* Where no reader lives to answer once, the files behind are not tried one by one. */
static void test_deaths(void)
{
	AUTO_ADVISORIES struct advisories found = {0};
	char name[64];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "deaths/%d.json", i);
		put_text(in(name), "{attack}");
	}
	attack = end_early;
	CHECK(advisories_read(in("deaths"), judged, 1, &found, &err) == -EBADMSG);
}

int main(void)
{
	scratch_new();
	parent = getpid();
	put_text(in("data/bad.json"), "{attack}");
	put_text(in("data/good.json"), "{}");
	put_text(in("outside/victim"), "x");
	snprintf(victim, sizeof victim, "%s/outside/victim", scratch);
	snprintf(outside, sizeof outside, "%s/outside/made", scratch);
	test_attacks(forbidden, FORBIDDEN);
	test_attacks(lies, sizeof lies / sizeof *lies);
	test_endless();
	test_often();
	test_flood();
	test_controls();
	test_deaths();
	CHECK(records == 0); /* no record was judged in this process */
	scratch_remove();
	return test_end();
}
