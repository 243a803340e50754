/* Origins: the recorded source of a version, and its neighbours. */
#include "intake/candidates.h"
#include "store/origin.h"
#include "tests/unit/store_help.h"

#include <sys/wait.h>

static struct store *store;

static struct digest digest_of(const char *text)
{
	struct digest d;

	MUST(digest_data(text, strlen(text), &d, &err) == 0);
	return d;
}

static const struct version *called(const struct digest *digest)
{
	static struct version v = {.name = (char *)"libx", .version = (char *)"1:2-3"};

	v.digest = *digest;
	return &v;
}

static void origins(void)
{
	AUTO_ORIGIN struct origin a = {0}, b = {0}, c = {0}, none = {0};
	struct digest one = digest_of("1"), two = digest_of("2"), three = digest_of("3");

	CHECK(origin_read(store, &one, &none, &err) == -ENOENT);
	CHECK(origin_write(store, called(&one), "apt:libxml2", "/etc/apt/other.conf", &err) == 0);
	CHECK(origin_read(store, &one, &a, &err) == 0);
	CHECK_STR(a.source, "apt:libxml2");
	CHECK_STR(a.apt_config, "/etc/apt/other.conf");
	CHECK_STR(a.name, "libx");
	CHECK_STR(a.version, "1:2-3");

	/* The latest source counts, and without a config none is kept. */
	CHECK(origin_write(store, called(&one), "/a/a b.deb", NULL, &err) == 0);
	CHECK(origin_read(store, &one, &b, &err) == 0 && b.apt_config == NULL);
	CHECK_STR(b.source, "/a/a b.deb");

	/* A value with a newline is left out. */
	CHECK(origin_write(store, called(&two), "/a/a\nb.deb", NULL, &err) == 0);
	CHECK(origin_read(store, &two, &none, &err) == -ENOENT);
	CHECK(origin_write(store, called(&two), "apt:x", "/a\nsource\tapt:y", &err) == 0);
	CHECK(origin_read(store, &two, &c, &err) == 0 && c.apt_config == NULL);
	CHECK_STR(c.source, "apt:x");

	put_file(in("store/origins/"
		    "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"),
		 "nonsense\n", 9);
	CHECK(origin_read(store, &three, &none, &err) == -EBADMSG);
}

static void is_neighbour(const char *source, const char *soname, const char *const *wanted,
			 size_t likely)
{
	struct origin origin = {.source = (char *)source};
	AUTO_CANDIDATES struct candidates found = {0};
	AUTO_APT_ANSWERS struct apt_answers apt = {0};
	size_t n = 0;

	CHECK(candidates_find(&apt, &origin, soname, &found, &err) == 0);
	while (wanted[n])
		n++;
	CHECK(found.sources.count == n);
	CHECK(found.likely == likely);
	for (size_t i = 0; i < n && i < found.sources.count; i++)
		CHECK_STR(strrchr(found.sources.items[i], '/') + 1, wanted[i]);
}

static void files(void)
{
	static const char *const debs[] = {"libxml2_2.9.10_amd64.deb",	"libicu67_67.1_amd64.deb",
					   "libicu67-dev_67_amd64.deb", "libssl3t64_3_amd64.deb",
					   "libssl1.1_1.1_amd64.deb",	"libdb5.3_5_amd64.deb"};
	char path[256];

	for (size_t i = 0; i < sizeof debs / sizeof *debs; i++) {
		snprintf(path, sizeof path, "debs/%s", debs[i]);
		put_file(in(path), "x", 1);
	}
	put_file(in("debs/README"), "x", 1);
	/* The number decides; the package itself is not a neighbour. */
	is_neighbour(in("debs/libxml2_2.9.10_amd64.deb"), "libicuuc.so.67",
		     (const char *const[]){"libicu67_67.1_amd64.deb", "libicu67-dev_67_amd64.deb",
					   "libdb5.3_5_amd64.deb", "libssl1.1_1.1_amd64.deb",
					   "libssl3t64_3_amd64.deb", NULL},
		     1);
	/* By policy's name, also after the change of time_t. */
	is_neighbour(in("debs/libxml2_2.9.10_amd64.deb"), "libssl.so.3",
		     (const char *const[]){"libssl3t64_3_amd64.deb", "libssl1.1_1.1_amd64.deb",
					   "libdb5.3_5_amd64.deb", "libicu67-dev_67_amd64.deb",
					   "libicu67_67.1_amd64.deb", NULL},
		     1);
	is_neighbour(in("debs/none_1_amd64.deb"), "/lib/libssl.so.3", (const char *const[]){NULL},
		     0);
	is_neighbour(in("nowhere/none_1_amd64.deb"), "libssl.so.3", (const char *const[]){NULL}, 0);

	/* A shared object's neighbour is the file of that name. */
	put_file(in("built/libfoo.so.1"), "x", 1);
	put_file(in("built/libbar.so.2"), "x", 1);
	is_neighbour(in("built/libfoo.so.1"), "libbar.so.2",
		     (const char *const[]){"libbar.so.2", NULL}, 1);
	is_neighbour(in("built/libfoo.so.1"), "libbaz.so.2", (const char *const[]){NULL}, 0);
	is_neighbour("dpkg:libfoo1", "libbar.so.2", (const char *const[]){NULL}, 0);
}

int main(void)
{
	scratch_make();
	MUST(store_open(in("store"), true, &store, &err) == 0);
	origins();
	files();
	store_close(&store);
	scratch_remove();
	return test_end();
}
