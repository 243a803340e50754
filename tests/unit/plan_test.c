/* Plans: written and read back, and all that the reader must refuse. Run as root. */
#include "plan/read.h"
#include "plan/stub.h"
#include "plan/write.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;
static char dir[] = "/tmp/plan_test.XXXXXX";

/* The instructions of a filter; they need not make sense. */
static const struct sock_filter ops[] = {{6, 0, 0, 0x7fff0000}, {5, 1, 2, 3}, {6, 0, 0, 1}};

static struct plan example(void)
{
	return (struct plan){
		.kind = PLAN_ELF,
		.on_failure = PLAN_REFUSE,
		.generation = 7,
		.app = "/usr/bin/app",
		.real = "/usr/bin/.pinlib/app",
		.program = "/usr/bin/.pinlib/app",
		.at = "/usr/bin/app",
		.label = "abc:7:/usr/bin/app",
		.ncovers = 2,
		.covers = {{"/opt/lib", "/var/lib/pinlib/layers/abc/0"},
			   {"/usr/lib", "/var/lib/pinlib/layers/abc/1"}},
	};
}

static struct plan with_filter(void)
{
	struct plan plan = example();

	plan.filter = ops;
	plan.filter_ops = sizeof ops / sizeof *ops;
	return plan;
}

static void round_trip(void)
{
	struct plan plan = example(), back;
	void *data = NULL;
	size_t len = 0;

	CHECK(plan_encode(&plan, &data, &len, &err) == 0);
	CHECK(plan_parse(data, len, &back, &err) == 0);
	CHECK(back.kind == PLAN_ELF && back.on_failure == PLAN_REFUSE && back.generation == 7);
	CHECK_STR(back.app, plan.app);
	CHECK_STR(back.real, plan.real);
	CHECK(!plan_is_supplied(&back) && back.program == back.real);
	CHECK_STR(back.label, plan.label);
	CHECK(back.ncovers == 2);
	CHECK_STR(back.covers[1].target, "/usr/lib");
	CHECK_STR(back.covers[1].layer, "/var/lib/pinlib/layers/abc/1");
	CHECK(!back.filter && back.filter_ops == 0);
	free(data);
	plan.ncovers = 0;
	CHECK(plan_encode(&plan, &data, &len, &err) == 0 &&
	      plan_parse(data, len, &back, &err) == 0);
	free(data);
}

static void filter(void)
{
	struct plan plan = with_filter(), back;
	static struct sock_filter large[PLAN_FILTER_MAX + 1];
	void *data = NULL;
	size_t len = 0;

	CHECK(plan_encode(&plan, &data, &len, &err) == 0 &&
	      plan_parse(data, len, &back, &err) == 0);
	CHECK(back.filter_ops == 3 && back.filter && memcmp(back.filter, ops, sizeof ops) == 0);
	CHECK(back.ncovers == 2);
	CHECK_STR(back.covers[1].target, "/usr/lib");
	free(data);
	plan.ncovers = 0;
	CHECK(plan_encode(&plan, &data, &len, &err) == 0 &&
	      plan_parse(data, len, &back, &err) == 0 && back.filter_ops == 3);
	free(data);
	plan = example();
	plan.filter = large;
	plan.filter_ops = PLAN_FILTER_MAX;
	CHECK(plan_encode(&plan, &data, &len, &err) == 0 &&
	      plan_parse(data, len, &back, &err) == 0 && back.filter_ops == PLAN_FILTER_MAX);
	free(data);
	plan.filter_ops++;
	CHECK(plan_encode(&plan, &data, &len, &err) == -E2BIG);
}

static void every_flipped_bit(void)
{
	struct plan plan = with_filter(), back;
	void *data = NULL;
	size_t len = 0, accepted = 0;

	CHECK(plan_encode(&plan, &data, &len, &err) == 0);
	for (size_t bit = 0; bit < len * 8; bit++) {
		((char *)data)[bit / 8] ^= (char)(1 << bit % 8);
		accepted += plan_parse(data, len, &back, &err) == 0;
		((char *)data)[bit / 8] ^= (char)(1 << bit % 8);
	}
	CHECK(accepted == 0);
	CHECK(plan_parse(data, len, &back, &err) == 0);
	free(data);
}

/* Each length in a buffer of exactly that size, so that the sanitizer detects a read beyond it. */
static void every_truncation(void)
{
	struct plan plan = with_filter(), back;
	void *data = NULL;
	size_t len = 0, accepted = 0;

	CHECK(plan_encode(&plan, &data, &len, &err) == 0);
	for (size_t cut = 0; cut < len; cut++) {
		void *part = malloc(cut ? cut : 1);

		memcpy(part, data, cut);
		accepted += plan_parse(part, cut, &back, &err) == 0;
		free(part);
	}
	CHECK(accepted == 0);
	free(data);
}

/* Changes a field of the header, and corrects the checksum. */
static int with(struct plan plan, size_t field, size_t size, uint64_t value)
{
	struct plan back;
	struct plan_header *h;
	void *data = NULL;
	size_t len = 0;
	int r;

	if (plan_encode(&plan, &data, &len, &err) < 0)
		return 1;
	memcpy((char *)data + field, &value, size);
	h = data;
	h->crc = plan_crc(data, len);
	r = plan_parse(data, len, &back, &err);
	free(data);
	return r;
}
#define WITH(name, value)                                                                          \
	with(example(), offsetof(struct plan_header, name), sizeof((struct plan_header *)0)->name, \
	     value)

static void hostile_headers(void)
{
	static const uint64_t wild[] = {0xffffffff, 0xfffffffe, 0x80000000, 0x7fffffff,
					65536,	    4096,	1000};

	CHECK(WITH(generation, 99) == 0); /* the test itself works */
	CHECK(WITH(version, PLAN_VERSION - 1) == -EPROTO &&
	      WITH(version, PLAN_VERSION + 1) == -EPROTO);
	CHECK(WITH(version, 0) == -EPROTO && WITH(version, 0xffffffff) == -EPROTO);
	CHECK(WITH(kind, 3) == -EBADMSG && WITH(kind, 0) == -EBADMSG);
	CHECK(WITH(on_failure, 0) == -EBADMSG);
	CHECK(WITH(covers, 65) == -EBADMSG && WITH(covers, 0x20000001) == -EBADMSG);
	CHECK(WITH(covers_at, 63) == -EBADMSG && WITH(covers_at, 0) == -EBADMSG);
	CHECK(WITH(strings_at, 0) == -EBADMSG);
	CHECK(WITH(filter_at, 1) == -EBADMSG);
	CHECK(WITH(strings_at, 0xffffffff) == -EBADMSG);
	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
		CHECK(WITH(size, wild[i]) == -EBADMSG);
		CHECK(WITH(covers_at, wild[i]) == -EBADMSG);
		CHECK(WITH(app, wild[i]) == -EBADMSG);
		CHECK(WITH(real, wild[i]) == -EBADMSG);
		CHECK(WITH(label, wild[i]) == -EBADMSG);
	}
	CHECK(WITH(app, 0) == -EBADMSG); /* the magic is not a path */
	CHECK(with(example(), sizeof(struct plan_header), 4, 0xffffffff) ==
	      -EBADMSG); /* the first cover's target */
	CHECK(with(example(), sizeof(struct plan_header) + 4, 4, 12) == -EBADMSG);
	CHECK(WITH(zero, 1) == -EBADMSG);
	CHECK(WITH(seal_at, 80) == -EBADMSG); /* beside covers */
}

static struct plan with_seal(void)
{
	static struct plan_seal seal = {.file = {1, 2, 3}, .source = {4, 5, 6}};
	struct plan plan = example();

	plan.ncovers = 0;
	plan.seal = &seal;
	return plan;
}

/* A sealed app has neither covers nor a filter. */
static void seals(void)
{
	const struct plan plan = with_seal();
	size_t at = offsetof(struct plan_header, seal_at), len = 0, accepted = 0;
	struct plan back, filtered = with_filter();
	void *data = NULL;

	MUST(plan_encode(&plan, &data, &len, &err) == 0);
	MUST(plan_parse(data, len, &back, &err) == 0 && back.seal && back.ncovers == 0);
	CHECK(memcmp(back.seal, plan.seal, sizeof *plan.seal) == 0);
	free(data);
	CHECK(with(plan, at, 4, sizeof(struct plan_header)) == 0); /* the test itself works */
	CHECK(with(plan, at, 4, 0) == 0);			   /* none: a view */
	for (uint64_t i = 1; i < 400; i++)
		accepted += with(plan, at, 4, i) == 0;
	CHECK(accepted == 1); /* a later place has no room before the strings */
	CHECK(with(plan, at, 4, 0xffffffff) == -EBADMSG &&
	      with(plan, at, 4, 0x80000000) == -EBADMSG);
	filtered.ncovers = 0;
	filtered.seal = plan.seal;
	CHECK(plan_encode(&filtered, &data, &len, &err) == -EBADMSG);
}

/* The filter's head follows two covers, and its instructions follow the head. */
static void hostile_filters(void)
{
	static const uint64_t wild[] = {0,	    1,		4,	    64,	 72,   76,
					79,	    82,		84,	    100, 112,  65536,
					0x7fffffff, 0xffffffff, 81,	    83,	 4096, 1000,
					0x80000000, 0xfffffff8, 0xfffffffc, 108, 104,  80};
	enum { HEAD = sizeof(struct plan_header) + 2 * 8 };
	size_t at = offsetof(struct plan_header, filter_at), accepted = 0;

	CHECK(with(with_filter(), at, 4, HEAD) == 0); /* the test itself works */
	CHECK(with(with_filter(), at, 4, 0) == 0);    /* none */
	for (size_t i = 1; i < sizeof wild / sizeof *wild; i++)
		accepted += with(with_filter(), at, 4, wild[i]) != -EBADMSG;
	CHECK(accepted == 0);
	CHECK(with(with_filter(), HEAD, 4, 3) == 0);
	CHECK(with(with_filter(), HEAD, 4, 2) == 0); /* a shorter filter: no check can detect it */
	CHECK(with(with_filter(), HEAD, 4, 0) == -EBADMSG);
	CHECK(with(with_filter(), HEAD, 4, 4) == -EBADMSG); /* into the strings */
	CHECK(with(with_filter(), HEAD, 4, PLAN_FILTER_MAX) == -EBADMSG);
	CHECK(with(with_filter(), HEAD, 4, 0x20000003) == -EBADMSG); /* times 8 is 24 in 32 bits */
	CHECK(with(with_filter(), HEAD, 4, 0xffffffff) == -EBADMSG);
	CHECK(with(with_filter(), HEAD + 4, 4, 1) == -EBADMSG);
}

/* A plan whose original has a path of 700 bytes, in a buffer that ends with the plan. */
struct bytes {
	char *data;
	size_t len;
	struct plan_header *h;
};

static struct bytes roomy(void)
{
	static char real[701] = "/";
	struct plan plan = example();
	struct bytes b = {0};
	void *data = NULL;

	memset(real + 1, 'x', sizeof real - 2);
	plan.real = plan.program = real;
	CHECK(plan_encode(&plan, &data, &b.len, &err) == 0);
	b.data = malloc(b.len);
	CHECK(b.data != NULL);
	memcpy(b.data, data, b.len);
	free(data);
	b.h = (struct plan_header *)b.data;
	return b;
}

/* Whether it is refused, with a correct checksum and this part of the text. */
static void refused(struct bytes b, const char *why)
{
	struct plan back;

	b.h->crc = plan_crc(b.data, b.len);
	CHECK(plan_parse(b.data, b.len, &back, &err) == -EBADMSG);
	if (!strstr(err.text, why))
		CHECK_STR(err.text, why);
	free(b.data);
}

#define DEFECT(change, why)                                                                        \
	do {                                                                                       \
		struct bytes b = roomy();                                                          \
		change;                                                                            \
		refused(b, why);                                                                   \
	} while (0)

/* Each defect, found by the check for it and by no other. */
static void each_check(void)
{
	struct bytes sound = roomy();
	struct plan back;

	CHECK(plan_parse(sound.data, sound.len, &back, &err) == 0);
	free(sound.data);
	DEFECT(b.data[0] ^= 1, "not a plan");
	/* The file has enough bytes for them. */
	DEFECT(b.h->covers = PLAN_COVERS_MAX + 1, "covers out of range");
	DEFECT(b.h->covers_at = 0, "covers out of range");
	DEFECT(b.h->covers_at += 2, "covers out of range");
	DEFECT(b.h->covers_at = b.h->strings_at = (uint32_t)(b.len - 4) / 4 * 4,
	       "covers out of range");
	DEFECT(b.data[b.len - 1] = 'x', "strings out of range");
	DEFECT(b.h->app = (uint32_t)b.len, "name out of range");
	DEFECT(b.h->app++, "name out of range"); /* "usr/bin/app" */
	/* A path, but not among the strings; and a string, but a long one. */
	DEFECT((b.h->generation = '/', b.h->app = offsetof(struct plan_header, generation)),
	       "name out of range");
	DEFECT(b.h->program = 0, "name out of range");
	DEFECT(b.h->at = 0, "name out of range");
	DEFECT(b.h->label = b.h->real, "name out of range");
	DEFECT(b.h->filter_at = b.h->strings_at, "filter out of range");
	DEFECT(b.h->filter_at = b.h->covers_at, "filter out of range"); /* a cover as its head */
}

/* Two strings become one that is longer than a path can be. */
static void long_path(void)
{
	static char real[PATH_MAX];
	struct plan plan = example(), back;
	struct plan_header *h;
	void *data = NULL;
	size_t len;

	memset(real, 'x', sizeof real - 1);
	real[0] = '/';
	plan.real = plan.program = real;
	CHECK(plan_encode(&plan, &data, &len, &err) == 0);
	CHECK(plan_parse(data, len, &back, &err) == 0 && strlen(back.real) == PATH_MAX - 1);
	h = data;
	((char *)data)[h->real + PATH_MAX - 1] = 'x';
	h->crc = plan_crc(data, len);
	CHECK(plan_parse(data, len, &back, &err) == -EBADMSG);
	free(data);
}

static void supplied(void)
{
	struct plan plan = example(), back;
	void *data = NULL;
	size_t len;

	CHECK(plan_encode(&plan, &data, &len, &err) == 0);
	CHECK(plan_parse(data, len, &back, &err) == 0 && !plan_is_supplied(&back));
	CHECK_STR(back.at, back.app);
	free(data);
	plan.program = "/var/lib/pinlib/layers/x/1/program";
	plan.at = "/usr/bin/program";
	CHECK(plan_encode(&plan, &data, &len, &err) == 0);
	CHECK(plan_parse(data, len, &back, &err) == 0 && plan_is_supplied(&back));
	CHECK_STR(back.program, plan.program);
	CHECK_STR(back.at, plan.at);
	CHECK_STR(back.real, plan.real);
	free(data);
}

static void order(void)
{
	struct plan plan = example();
	void *data;
	size_t len;

	plan.covers[0].target = "/usr/lib";
	CHECK(plan_encode(&plan, &data, &len, &err) < 0);
	plan.covers[0].target = "relative";
	CHECK(plan_encode(&plan, &data, &len, &err) < 0);
	plan = example();
	plan.ncovers = 3;
	plan.covers[0].target = "/opt/lib";
	plan.covers[1].target = "/opt/lib-b";
	plan.covers[2] = plan.covers[0];
	plan.covers[2].target = "/opt/lib/c"; /* not next to the cover that it is below */
	CHECK(plan_encode(&plan, &data, &len, &err) == -EBADMSG);
}

static void names(void)
{
	char name[NAME_MAX + 1], longer[400];

	CHECK(plan_file_name("/usr/bin/app", name, &err) == 0);
	CHECK_STR(name, "usr%2Fbin%2Fapp");
	CHECK(plan_file_name("/a%2Fb", name, &err) == 0);
	CHECK_STR(name, "a%252Fb");
	CHECK(plan_file_name("/..", name, &err) == 0);
	CHECK_STR(name, "%2E.");
	CHECK(plan_file_name("relative", name, &err) == -EINVAL);
	CHECK(plan_file_name("/", name, &err) == -EINVAL);
	memset(longer, 'a', sizeof longer);
	longer[0] = '/';
	longer[399] = '\0';
	CHECK(plan_file_name(longer, name, &err) == -ENAMETOOLONG);
}

static void labels(void)
{
	char label[PLAN_LABEL_MAX], longer[4096];

	plan_label(label, "abc", 5, "/opt/a b,c");
	CHECK_STR(label, "abc:5:/opt/a%20b%2Cc");
	memset(longer, '\n', sizeof longer);
	longer[4095] = '\0';
	plan_label(label, "abc", 5, longer);
	CHECK(strlen(label) < PLAN_LABEL_MAX && !strchr(label, '\n'));
}

static int load(struct plan_file *file)
{
	return plan_load(dir, "/usr/bin/app", 0, file, &err);
}

static void files(void)
{
	static struct plan_file file;
	struct plan plan = example();
	char path[256], other[256];

	CHECK(mkdtemp(dir) != NULL && chmod(dir, 0755) == 0);
	CHECK(load(&file) == -ENOENT);
	CHECK(plan_publish(dir, &plan, &err) == 0);
	CHECK(load(&file) == 0);
	CHECK_STR(file.plan.real, plan.real);
	CHECK(plan_load(dir, "/usr/bin/other", 0, &file, &err) == -ENOENT);
	snprintf(path, sizeof path, "%s/usr%%2Fbin%%2Fapp", dir);

	CHECK(chmod(path, 0664) == 0 && load(&file) == -EPERM);
	CHECK(chmod(path, 0646) == 0 && load(&file) == -EPERM);
	CHECK(chmod(path, 0644) == 0 && load(&file) == 0);
	CHECK(chown(path, 1000, 0) == 0 && load(&file) == -EPERM);
	CHECK(chown(path, 0, 0) == 0 && load(&file) == 0);
	CHECK(chmod(dir, 0777) == 0 && load(&file) == -EPERM);
	CHECK(chmod(dir, 0755) == 0 && chown(dir, 1000, 0) == 0 && load(&file) == -EPERM);
	CHECK(chown(dir, 0, 0) == 0 && load(&file) == 0);

	CHECK(truncate(path, 100) == 0 && load(&file) == -EBADMSG);
	CHECK(truncate(path, PLAN_SIZE_MAX + 1) == 0 && load(&file) == -EFBIG);
	CHECK(unlink(path) == 0 && mkfifo(path, 0644) == 0 && load(&file) == -EPERM);
	CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0 && load(&file) < 0);
	CHECK(unlink(path) == 0 && plan_remove(dir, plan.app, &err) == 0);
	CHECK(plan_publish(dir, &plan, &err) == 0);
	snprintf(other, sizeof other, "%s/elsewhere", dir);
	CHECK(rename(path, other) == 0 && symlink("elsewhere", path) == 0 && load(&file) == -ELOOP);
	CHECK(unlink(path) == 0 && rename(other, path) == 0 && load(&file) == 0);
	snprintf(other, sizeof other, "%s.link", dir);
	CHECK(symlink(dir, other) == 0);
	CHECK(plan_load(other, plan.app, 0, &file, &err) == -ENOTDIR && unlink(other) == 0);
	CHECK(unlink(path) == 0);
	plan.app = "/usr/bin/other";
	CHECK(plan_publish(dir, &plan, &err) == 0);
	snprintf(other, sizeof other, "%s/usr%%2Fbin%%2Fother", dir);
	CHECK(rename(other, path) == 0 && load(&file) == -EBADMSG);
	CHECK(rename(path, other) == 0);
	CHECK(plan_remove(dir, plan.app, &err) == 0 && rmdir(dir) == 0);
}

/* The attributes that `pinlib exec` hands to the wrapper, as text and back. */
static void kept(void)
{
	const struct stub_kept most = {.stack = UINT64_MAX,
				       .personality = UINT64_MAX,
				       .signal = UINT64_MAX,
				       .parent = UINT64_MAX};
	const struct stub_kept parent = {.parent = 4711};
	const struct stub_kept stack = {.stack = 0x1000000, .parent = 4711};
	char text[STUB_KEPT_MAX];
	struct stub_kept back;

	CHECK(stub_format_kept(&most, text));
	CHECK(strlen(text) == STUB_KEPT_MAX - 1);
	CHECK(stub_parse_kept(text, &back) && memcmp(&most, &back, sizeof back) == 0);
	CHECK(stub_format_kept(&stack, text));
	CHECK_STR(text, "1000000:0:0:1267:");
	CHECK(stub_parse_kept(text, &back) && memcmp(&stack, &back, sizeof back) == 0);
	CHECK(!stub_format_kept(&parent, text));
	CHECK(stub_parse_kept("-", &back) && back.parent == 0);
	CHECK(!stub_parse_kept("", &back) && !stub_parse_kept("1:2:3:", &back));
	CHECK(!stub_parse_kept("1:2:3:4:5:", &back) && !stub_parse_kept("1:2:3:g:", &back));
	CHECK(!stub_parse_kept("10000000000000000:0:0:0:", &back));
}

int main(void)
{
	round_trip();
	kept();
	filter();
	every_flipped_bit();
	every_truncation();
	hostile_headers();
	seals();
	each_check();
	long_path();
	hostile_filters();
	if (as_root("plans that root owns")) {
		files();
	}
	supplied();
	order();
	names();
	labels();
	return test_end();
}
