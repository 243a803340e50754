/* Single files of the live system, copies of layers, and which package a file came from. */
#include "dpkg/installed.h"
#include "dpkg/owner.h"
#include "store/layer.h"
#include "tests/unit/store_help.h"

static struct store *store;

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	MUST(fd >= 0);
	return fd;
}

static struct version add_file(const char *link)
{
	struct version v = {0};
	char elf[FAKE_ELF];
	const struct intake_options how = {.name = "libfoo", .version = "1.2"};
	AUTO_FD int fd = -1;
	bool known;

	fake_elf(elf, "libfoo.so.1", "amd64", "1.2");
	put_file(in("lib"), elf, sizeof elf);
	fd = open_file(in("lib"));
	MUST(intake_add_files(store, &(struct intake_file){fd, "/opt/foo/libfoo.so.1.2", link}, 1,
			      &how, &v, &known, &err) == 0);
	return v;
}

static void single_files(void)
{
	AUTO_VERSION struct version alone = add_file(NULL), near = add_file("/opt/foo/libfoo.so.1"),
				    far = add_file("/usr/lib/libfoo.so.1");
	AUTO_VERSION struct version none = {0};
	const struct intake_options how = {.name = "x", .version = "1", .opaque = true};
	AUTO_FD int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool known;

	CHECK(alone.nentries == 1 && near.nentries == 2 && far.nentries == 2);
	CHECK_STR(alone.name, "libfoo");
	CHECK_STR(alone.arch, "amd64");
	CHECK_STR(alone.entries[0].path, "/opt/foo/libfoo.so.1.2");
	CHECK_STR(alone.entries[0].soname, "libfoo.so.1");
	CHECK_STR(near.entries[0].path, "/opt/foo/libfoo.so.1");
	CHECK_STR(near.entries[0].target, "libfoo.so.1.2");
	CHECK_STR(far.entries[1].path, "/usr/lib/libfoo.so.1");
	CHECK_STR(far.entries[1].target, "/opt/foo/libfoo.so.1.2");
	CHECK(!digest_equal(&alone.digest, &near.digest));
	CHECK(intake_add_files(store, &(struct intake_file){dir, "/opt/x", NULL}, 1, &how, &none,
			       &known, &err) == -EPERM);
	CHECK(intake_add_files(store, NULL, 0, &how, &none, &known, &err) == -EINVAL);
	CHECK(!none.name);
}

static void copies(void)
{
	AUTO_VERSION struct version v = add_file(NULL);
	struct layer_entry entries[] = {
		{1, LAYER_FILE, "a/b/lib.so", 0644, 0, v.entries[0].content, NULL},
		{0, LAYER_LINK, "l", 0, 0, {{0}}, "to"},
	};
	struct stat st;
	AUTO_FD int dir = -1;

	MUST(mkdir(in("copy"), 0755) == 0);
	dir = open(in("copy"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(dir >= 0);
	CHECK(layer_copy(store, dir, entries, 2, &err) == 0);
	CHECK(stat(in("copy/1/a/b/lib.so"), &st) == 0 && st.st_nlink == 1 &&
	      st.st_size == (off_t)v.entries[0].size && (st.st_mode & 07777) == 0644);
	CHECK(lstat(in("copy/0/l"), &st) == 0 && S_ISLNK(st.st_mode));
	memset(&entries[0].content, 7, sizeof entries[0].content);
	entries[0].path = "other";
	CHECK(layer_copy(store, dir, entries, 1, &err) == -EBADMSG);
}

static const char *libc = "libc6";

static size_t owner_of(const char *path, struct packages *out)
{
	AUTO_FREE size_t *of = NULL;

	MUST(packages_owning(&path, 1, out, &of, &err) == 0);
	return of[0];
}

/* By the machine's own dpkg: which packages there are is Debian's. */
static void owners(void)
{
	AUTO_PACKAGES struct packages perl = {0}, none = {0}, glibc = {0}, two = {0};
	AUTO_FREE size_t *of = NULL;
	const char *paths[] = {"/usr/bin/perl", "/nonexistent/x", "/usr/bin/dpkg", "/usr/bin/[",
			       "/usr/bin/dpkg-deb"};

	MUST(access("/usr/bin/dpkg-query", X_OK) == 0);
	CHECK(owner_of("/usr/bin/perl", &perl) == 0 && perl.count == 1);
	CHECK_STR(perl.items[0].name, "perl-base");
	CHECK_STR(perl.items[0].source, "perl");
	CHECK(perl.items[0].essential);
	CHECK(owner_of("/nonexistent/x", &none) == OWNER_NONE && none.count == 0);
	CHECK(packages_owning(paths, 5, &two, &of, &err) == 0 && two.count == 3);
	CHECK(of[1] == OWNER_NONE && of[0] != of[2] && of[2] == of[4] && of[2] != OWNER_NONE);
	CHECK(of[3] != OWNER_NONE && strcmp(two.items[of[3]].name, "coreutils") == 0);
	CHECK(packages_installed(&libc, 1, &glibc, &err) == 0 && glibc.count > 0);
	for (size_t i = 0; i < glibc.count; i++)
		CHECK(!glibc.items[i].essential && strchr(glibc.items[i].query, ':') != NULL &&
		      strcmp(glibc.items[i].source, "glibc") == 0);
}

/* Where /lib is a link to usr/lib, dpkg may know a library by either name. */
static void other_names(void)
{
	AUTO_PACKAGES struct packages p = {0};
	char path[PATH_MAX];

	MUST(realpath("/lib64/ld-linux-x86-64.so.2", path) || realpath("/lib/ld-linux.so.2", path));
	CHECK(owner_of(path, &p) == 0);
	CHECK(p.count == 1 && strcmp(p.items[0].source, "glibc") == 0);
}

/* The places of the packages' files; the lists of several packages are distinguished, also if one
 * is not there. */
static void holding(void)
{
	AUTO_PACKAGES struct packages glibc = {0};
	const char *queries[] = {"nonexistent", "perl-base", "nonexistent:amd64", NULL, "dpkg"};
	char loader[PATH_MAX];
	const char *paths[] = {loader,		"/usr/bin/perl", "/nonexistent/x",
			       "/usr/bin/perl", "/usr/bin/[",	 "/usr/bin/dpkg-deb"};
	size_t of[6];
	bool libraries[5];

	MUST(realpath("/lib64/ld-linux-x86-64.so.2", loader) ||
	     realpath("/lib/ld-linux.so.2", loader));
	MUST(packages_installed(&libc, 1, &glibc, &err) == 0 && glibc.count > 0);
	queries[3] = glibc.items[glibc.count - 1].query;
	CHECK(packages_match(queries, 5, paths, 6, of, libraries, &err) == 0);
	CHECK(of[0] == 3 && of[1] == 1 && of[2] == OWNER_NONE && of[3] == 1 && of[4] == OWNER_NONE);
	CHECK(of[5] == 4);
	CHECK(!libraries[0] && !libraries[1] && !libraries[2] && libraries[3] && !libraries[4]);
	CHECK(packages_match(queries, 0, paths, 6, of, libraries, &err) == 0 &&
	      of[0] == OWNER_NONE);
	CHECK(packages_match(queries + 3, 1, NULL, 0, of, libraries, &err) == 0 && libraries[0]);
}

static void installed(void)
{
	const char *queries[] = {"nonexistent", "perl-base", "nonexistent:amd64", "dpkg"};
	struct strings perl = {(char *[]){(char *)"perl-base", (char *)"nonexistent"}, 2},
		       dpkg = {(char *[]){(char *)"dpkg"}, 1};
	struct package_files files[4];
	struct installed live;

	CHECK(packages_files(queries, 4, files, &err) == 0 && files[0].count == 0 &&
	      files[2].count == 0);
	CHECK(package_files_have(&files[1], "/usr/bin/perl") &&
	      !package_files_have(&files[1], "/usr/bin/dpkg"));
	CHECK(package_files_have(&files[3], "/usr/bin/dpkg") &&
	      !package_files_have(&files[3], "/."));
	for (size_t i = 0; i < 4; i++)
		package_files_free(&files[i]);
	/* The first question is about both that are known by then. */
	MUST(installed_expect("dpkg", &err) == 0 && !installed_get(0, &live));
	CHECK(installed_ask(&perl, &err) == 0 && installed_get(1, &live) &&
	      !installed_get(2, &live));
	CHECK(installed_ask(&dpkg, &err) == 0 && !installed_get(2, &live));
	CHECK(installed_get(0, &live) && strcmp(live.package->name, "dpkg") == 0 &&
	      package_files_have(live.files, "/usr/bin/dpkg"));
	CHECK(installed_get(1, &live) && package_files_have(live.files, "/usr/bin/perl"));
}

int main(void)
{
	scratch_make();
	MUST(store_open(in("store"), true, &store, &err) == 0);
	single_files();
	copies();
	owners();
	other_names();
	holding();
	installed();
	store_close(&store);
	scratch_remove();
	return test_end();
}
