#include "intake/oci.h"
#include "store/text.h"
#include "tests/unit/store_help.h"

#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static struct store *store;

static int add(const char *source, const struct intake_options *o, struct version *out, bool *known)
{
	return intake_add(store, source, o ? o : &plain, out, known, &err);
}

/* Adds a source that has to be refused with this error, and must leave no file behind. */
static bool refused(const char *source, const struct intake_options *o, int r, const char *text)
{
	AUTO_VERSION struct version v = {0};
	size_t before = count_names(in("store/versions"));
	bool known = true;
	int got;

	err.text[0] = '\0';
	got = add(source, o, &v, &known);
	if (got != r || !strstr(err.text, text)) {
		fprintf(stderr, "got %d, not %d: %s\n", got, r, err.text);
		return false;
	}
	return !known && !v.name && count_names(in("store/versions")) == before &&
	       count_names(in("store/tmp")) == 0;
}

static void put_lib(const char *path, const char *soname, const char *arch, const char *content)
{
	char elf[FAKE_ELF];

	fake_elf(elf, soname, arch, content);
	put_file(path, elf, sizeof elf);
}

static void test_tree(void)
{
	AUTO_VERSION struct version v = {0}, again = {0}, other = {0};
	const struct entry *e;
	struct stat st;
	bool known;

	put_lib(in("libfoo-1.2/usr/lib/libfoo.so.1.2"), "libfoo.so.1", "amd64", "a");
	put_text(in("libfoo-1.2/usr/share/foo/data"), "same");
	put_text(in("libfoo-1.2/usr/share/foo/data2"), "same");
	put_text(in("libfoo-1.2/usr/bin/tool"), "#!/bin/sh\n");
	MUST(chmod(in("libfoo-1.2/usr/bin/tool"), 0715) == 0);
	MUST(chmod(in("libfoo-1.2/usr/share"), 02775) == 0);
	MUST(symlink("libfoo.so.1.2", in("libfoo-1.2/usr/lib/libfoo.so.1")) == 0);
	MUST(symlink("/etc/foo", in("libfoo-1.2/usr/share/foo/absolute")) == 0);
	CHECK(add(in("libfoo-1.2/"), NULL, &v, &known) == 0 && !known);
	CHECK_STR(v.name, "libfoo");
	CHECK_STR(v.version, "1.2");
	CHECK_STR(v.arch, "amd64");
	e = entry_of(&v, "/usr/lib/libfoo.so.1.2");
	CHECK(e && e->soname && strcmp(e->soname, "libfoo.so.1") == 0 && e->mode == 0644);
	e = entry_of(&v, "/usr/bin/tool");
	CHECK(e && e->mode == 0755);
	e = entry_of(&v, "/usr/share");
	CHECK(e && e->type == ENTRY_DIR && e->mode == 0755);
	CHECK(add(in("libfoo-1.2"), NULL, &again, &known) == 0 && known);
	CHECK(digest_equal(&v.digest, &again.digest));
	CHECK(add(in("libfoo-1.2"), &(struct intake_options){.name = "bar", .version = "9"}, &other,
		  &known) == 0 &&
	      !known);
	CHECK_STR(other.name, "bar");
	CHECK_STR(other.version, "9");
	CHECK(stat(in("store/objects"), &st) == 0 && (st.st_mode & 07777) == 0755);
	CHECK(count_names(in("store/objects")) == 3); /* each content once */
	CHECK(count_names(in("store/tmp")) == 0);
}

static void test_tree_refusals(void)
{
	char t[PATH_MAX];
	int fd;

	snprintf(t, sizeof t, "%s/bad-1", scratch);
	MUST(file_mkdirs(in("nameless/usr"), &err) == 0);
	CHECK(refused(in("nameless"), NULL, -EINVAL, "--name"));
	CHECK(refused(in("absent-1"), NULL, -ENOENT, "absent-1"));
	MUST(file_mkdirs(in("bad-1"), &err) == 0);
	CHECK(refused(t, NULL, -EINVAL, "no files"));
	put_text(in("bad-1/x"), "x");
	MUST(mkdir(in("bad-1/usr"), 0700) == 0 && chmod(in("bad-1/usr"), 0755) == 0);
	CHECK(refused(t, &(struct intake_options){.name = "a b", .version = NULL}, -EINVAL,
		      "blank"));
	CHECK(refused(t, &(struct intake_options){.name = "", .version = NULL}, -EINVAL, "empty"));
	CHECK(refused(t, &(struct intake_options){.name = "a", .version = "1=2"}, -EINVAL, "'='"));
	MUST(chmod(in("bad-1/x"), 04755) == 0);
	CHECK(refused(t, NULL, -EPERM, "x is setuid"));
	MUST(chmod(in("bad-1/x"), 02755) == 0);
	CHECK(refused(t, NULL, -EPERM, "x is setgid"));
	MUST(chmod(in("bad-1/x"), 0755) == 0);
	MUST(chmod(in("bad-1/x"), 0640) == 0);
	CHECK(refused(t, NULL, -EPERM, ": x is not readable by all users"));
	MUST(chmod(in("bad-1/x"), 0755) == 0 && chmod(in("bad-1/usr"), 0750) == 0);
	CHECK(refused(t, NULL, -EPERM, ": usr is not readable by all users"));
	MUST(chmod(in("bad-1/usr"), 0755) == 0);
	if (setxattr(in("bad-1/x"), "security.capability",
		     "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0) == 0) {
		CHECK(refused(t, NULL, -EPERM, "capabilities"));
		MUST(removexattr(in("bad-1/x"), "security.capability") == 0);
	}
	MUST(mkfifo(in("bad-1/fifo"), 0644) == 0);
	CHECK(refused(t, NULL, -EPERM, "fifo is a FIFO"));
	MUST(unlink(in("bad-1/fifo")) == 0);
	if (mknod(in("bad-1/wh"), S_IFCHR, 0) == 0) {
		CHECK(refused(t, NULL, -EPERM, "whiteout"));
		MUST(unlink(in("bad-1/wh")) == 0);
	}
	MUST(symlink("../../etc", in("bad-1/up")) == 0);
	CHECK(refused(t, NULL, -EPERM, "up is a link whose target leads above the root"));
	MUST(unlink(in("bad-1/up")) == 0);
	fd = open(in("bad-1/a\nb"), O_CREAT | O_WRONLY, 0644);
	MUST(fd >= 0 && fchmod(fd, 0644) == 0);
	CHECK(refused(t, NULL, -EPERM, "a\\x0ab has a control character"));
	close(fd);
	MUST(unlink(in("bad-1/a\nb")) == 0);
	put_lib(in("bad-1/one"), "", "amd64", "1");
	put_lib(in("bad-1/two"), "", "i386", "1");
	CHECK(refused(t, NULL, -EINVAL, "several architectures"));
}

static void test_so(void)
{
	AUTO_VERSION struct version v = {0}, named = {0};
	const struct entry *e;
	bool known;

	put_lib(in("libbar.so.1.2"), "libbar.so.1", "amd64", "bar");
	CHECK(add(in("libbar.so.1.2"), NULL, &v, &known) == 0);
	CHECK_STR(v.name, "libbar");
	CHECK_STR(v.version, "1.2");
	e = entry_of(&v, "/usr/lib/x86_64-linux-gnu/libbar.so.1");
	CHECK(e && e->type == ENTRY_LINK && strcmp(e->target, "libbar.so.1.2") == 0);
	CHECK(entry_of(&v, "/usr/lib/x86_64-linux-gnu/libbar.so.1.2") != NULL);
	put_lib(in("libbar.so"), "libbar.so", "arm64", "bar");
	CHECK(refused(in("libbar.so"), NULL, -EINVAL, "--version"));
	CHECK(add(in("libbar.so"), &(struct intake_options){.name = NULL, .version = "3"}, &named,
		  &known) == 0);
	CHECK(named.nentries == 1 &&
	      strcmp(named.entries[0].path, "/usr/lib/aarch64-linux-gnu/libbar.so") == 0);
	put_lib(in("libodd.so.1"), "libodd.so.1", "s390x", "bar");
	CHECK(refused(in("libodd.so.1"), NULL, -EINVAL, "s390x"));
	put_text(in("text"), "hello");
	CHECK(refused(in("text"), NULL, -EINVAL, "neither a package"));
}

static void test_deb(void)
{
	static const struct {
		pack_filter_fn *filter;
		const char *name;
	} kinds[] = {
		{archive_write_add_filter_xz, "data.tar.xz"},
		{archive_write_add_filter_gzip, "data.tar.gz"},
		{archive_write_add_filter_zstd, "data.tar.zst"},
		{archive_write_add_filter_bzip2, "data.tar.bz2"},
		{NULL, "data.tar"},
	};
	char elf[FAKE_ELF];

	fake_elf(elf, "libfoo.so.1", "amd64", "deb");
	const struct member members[] = {
		{"./", AE_IFDIR, 0755, NULL, 0, NULL, 0},
		{"./usr/", AE_IFDIR, 02755, NULL, 0, NULL, 0},
		{"./usr/lib/libfoo.so.1.2", AE_IFREG, 0600, elf, sizeof elf, NULL, 0},
		{"./usr/lib/libfoo.so.1", AE_IFLNK, 0777, "libfoo.so.1.2", 0, NULL, 0},
		{"./usr/lib/copy", 0, 0644, "./usr/lib/libfoo.so.1.2", 0, NULL, 0},
		{"./usr/lib/empty", AE_IFREG, 0644, NULL, 0, NULL, 0},
		{"./usr/lib/\xc3\xa4", AE_IFREG, 0644, "umlaut", 0, "user.harmless", 0},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		AUTO_VERSION struct version v = {0};
		const struct entry *a, *b;
		bool known = false;

		/* pax on even rounds: attributes, and names as UTF-8 */
		deb_write(in("foo.deb"), &(struct deb){CONTROL, members, 7, kinds[i].filter,
						       kinds[i].name, i % 2 == 0});
		if (add(in("foo.deb"), NULL, &v, &known) < 0)
			fprintf(stderr, "%s: %s\n", kinds[i].name, err.text);
		CHECK(v.name && known == (i > 0)); /* same content, same version */
		if (!v.name)
			continue;
		CHECK_STR(v.name, "libfoo1");
		CHECK_STR(v.version, "1:1.2.3-1");
		CHECK(v.nentries == 6);
		a = entry_of(&v, "/usr/lib/libfoo.so.1.2");
		b = entry_of(&v, "/usr/lib/copy");
		CHECK(a && b && digest_equal(&a->content, &b->content) && a->mode == 0644);
		CHECK(entry_of(&v, "/usr/lib/\xc3\xa4") != NULL);
	}
}

static void gzip_deb(const char *path, const char *control, const struct member *members, size_t n,
		     bool pax)
{
	deb_write(path, &(struct deb){control, members, n, archive_write_add_filter_gzip,
				      "data.tar.gz", pax});
}

/* In the compressed data: ar's headers have fields that mean nothing. */
static void refuse_flipped(char *data, size_t len)
{
	for (size_t i = 2000; i < len; i += len / 17) {
		data[i] ^= 0x10;
		put_file(in("flip.deb"), data, len);
		data[i] ^= 0x10;
		CHECK(refused(in("flip.deb"), NULL, -EBADMSG, "damaged archive"));
	}
}

static void test_damaged(void)
{
	char elf[FAKE_ELF];
	AUTO_FREE char *whole = NULL, *gzip = NULL, *noise = malloc(300000);
	AUTO_VERSION struct version v = {0};
	unsigned int x = 1;
	size_t len = 0, gzip_len = 0;
	bool known;

	MUST(noise);
	for (size_t i = 0; i < 300000; i++)
		noise[i] = (char)((x = x * 1103515245 + 12345) >> 16);
	fake_elf(elf, "libcut.so.1", "amd64", "cut");
	const struct member members[] = {
		{"./usr/lib/libcut.so.1", AE_IFREG, 0644, elf, sizeof elf, NULL, 0},
		{"./usr/lib/noise", AE_IFREG, 0644, noise, 300000, NULL, 0},
	};
	deb_write(in("whole.deb"),
		  &(struct deb){CONTROL, members, 2, archive_write_add_filter_xz, NULL, false});
	whole = get_file(in("whole.deb"), &len);
	for (size_t i = 0; i < 40; i++) {
		size_t cut = i < 20 ? i * 15 : i < 30 ? len * (i - 19) / 11 : len - (i - 29) * 3;

		put_file(in("cut.deb"), whole, cut);
		CHECK(refused(in("cut.deb"), NULL, -EBADMSG, "damaged archive"));
	}
	refuse_flipped(whole, len);
	/* gzip stores noise as it is: only its checksum shows the damage. */
	gzip_deb(in("gzip.deb"), CONTROL, members, 2, false);
	gzip = get_file(in("gzip.deb"), &gzip_len);
	refuse_flipped(gzip, gzip_len);
	put_file(in("whole2.deb"), whole, len);
	CHECK(add(in("whole2.deb"), NULL, &v, &known) == 0 && !known);
}

static void test_control(void)
{
	static const struct {
		const char *control, *text;
	} bad[] = {
		{"Version: 1\nArchitecture: amd64\n", "lacks"},
		{"Package: a\nArchitecture: amd64\n", "lacks"},
		{"Package: a\nVersion: 1\n", "lacks"},
		{"Package: a\nVersion: 1\nVersion: 2\nArchitecture: amd64\n", "repeats"},
		{"Package: a b\nVersion: 1\nArchitecture: amd64\n", "name"},
		{"Package: a\nVersion: 1\033[2J\nArchitecture: amd64\n", "version"},
		{"Package: a\nVersion: 1\nArchitecture: ../x\n", "architecture"},
		{"\n", "lacks"},
	};
	static const struct member one = {"./x", AE_IFREG, 0644, "x", 0, NULL, 0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		gzip_deb(in("control.deb"), bad[i].control, &one, 1, false);
		CHECK(refused(in("control.deb"), NULL, -EBADMSG, bad[i].text));
	}
}

static void test_hostile(void)
{
	static char long_name[400], long_path[4300];
	static const struct member ok = {"./usr/lib/ok", AE_IFREG, 0644, "ok", 0, NULL, 0};
	const struct {
		struct member m;
		const char *text;
	} bad[] = {
		{{"./../etc/passwd", AE_IFREG, 0644, "x", 0, NULL, 0}, "has a \"..\""},
		{{"./usr/../../x", AE_IFREG, 0644, "x", 0, NULL, 0}, "has a \"..\""},
		{{"/etc/passwd", AE_IFREG, 0644, "x", 0, NULL, 0}, "is absolute"},
		{{"./dev/mem", AE_IFCHR, 0644, NULL, 0, NULL, makedev(1, 1)}, "is a device"},
		{{"./dev/sda", AE_IFBLK, 0644, NULL, 0, NULL, makedev(8, 0)}, "is a device"},
		{{"./usr/wh", AE_IFCHR, 0644, NULL, 0, NULL, 0}, "is a whiteout"},
		{{"./usr/.wh.lib", AE_IFREG, 0644, NULL, 0, NULL, 0}, "is a whiteout"},
		{{"./usr/.wh..wh..opq", AE_IFREG, 0644, NULL, 0, NULL, 0}, "is a whiteout"},
		{{"./usr/fifo", AE_IFIFO, 0644, NULL, 0, NULL, 0}, "is a FIFO"},
		{{"./usr/su", AE_IFREG, 04755, "x", 0, NULL, 0}, "is setuid"},
		{{"./usr/sg", AE_IFREG, 02755, "x", 0, NULL, 0}, "is setgid"},
		{{"./usr/cap", AE_IFREG, 0755, "x", 0, "security.capability", 0}, "capabilities"},
		{{"./usr/ov", AE_IFREG, 0755, "x", 0, "trusted.overlay.redirect", 0}, "overlayfs"},
		{{"./usr/ov", AE_IFDIR, 0755, NULL, 0, "user.overlay.opaque", 0}, "overlayfs"},
		{{"./usr/a\nb", AE_IFREG, 0644, "x", 0, NULL, 0}, "control character"},
		{{"./usr/a\033b", AE_IFREG, 0644, "x", 0, NULL, 0}, "control character"},
		{{"./usr/lib/ok", AE_IFREG, 0644, "no", 0, NULL, 0}, "twice"},
		{{"./usr/lib/ok", AE_IFLNK, 0777, "x", 0, NULL, 0}, "twice"},
		{{"./usr/lib/ok/x", AE_IFREG, 0644, "x", 0, NULL, 0}, "is below /usr/lib/ok"},
		{{"./usr/up", AE_IFLNK, 0777, "../../x", 0, NULL, 0}, "above the root"},
		{{"./usr/up", AE_IFLNK, 0777, "a/../../../x", 0, NULL, 0}, "above the root"},
		{{"./usr/up", AE_IFLNK, 0777, "/../x", 0, NULL, 0}, "above the root"},
		{{"./usr/up", AE_IFLNK, 0777, "a\nb", 0, NULL, 0}, "control character"},
		{{"./usr/hl", 0, 0644, "./usr/none", 0, NULL, 0}, "hard link"},
		{{"./usr/hl", 0, 0644, "../../etc/passwd", 0, NULL, 0}, "hard link"},
		{{"./usr/hl", 0, 04755, "./usr/lib/ok", 0, NULL, 0}, "setuid"},
		{{long_name, AE_IFREG, 0644, "x", 0, NULL, 0}, "255 bytes"},
		{{long_path, AE_IFREG, 0644, "x", 0, NULL, 0}, "4095 bytes"},
	};

	memset(long_name, 'n', sizeof long_name - 1);
	for (size_t i = 0; i < sizeof long_path - 1; i++)
		long_path[i] = i % 100 ? 'p' : '/';
	long_path[0] = '.';
	long_path[1] = '/';
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct member members[] = {ok, bad[i].m};

		gzip_deb(in("hostile.deb"), CONTROL, members, 2, bad[i].m.xattr || i % 2);
		CHECK(refused(in("hostile.deb"), NULL, -EPERM, bad[i].text));
	}
	const struct member latin = {"./usr/\xe4", AE_IFREG, 0644, "x", 0, NULL, 0};
	gzip_deb(in("hostile.deb"), CONTROL, &latin, 1, false);
	CHECK(refused(in("hostile.deb"), NULL, -EPERM, "\\xe4 is not UTF-8"));
}

/* A gigabyte of zeros in a few bytes is within the limits; a member with a declared size of 9 GiB
 * is not, and is refused before a byte of it is read. */
static void test_bomb(void)
{
	struct pack data = {.data = calloc(1, 1024), .len = 1024}, control;
	unsigned int sum = 0;

	MUST(data.data);
	memcpy(data.data, "./bomb", 6);
	memcpy(data.data + 100, "0000644", 7);
	memcpy(data.data + 108, "0000000", 7);
	memcpy(data.data + 116, "0000000", 7);
	memcpy(data.data + 124, "110000000000", 12); /* octal: 9 GiB */
	memcpy(data.data + 136, "00000000000", 11);
	memcpy(data.data + 148, "        ", 8);
	data.data[156] = '0';
	memcpy(data.data + 257, "ustar\00000", 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)data.data[i];
	snprintf(data.data + 148, 8, "%06o", sum);
	pack_control(&control, CONTROL, NULL);
	put_package(in("bomb.deb"), "control.tar", &control, "data.tar", &data);
	CHECK(refused(in("bomb.deb"), NULL, -EFBIG, "bytes"));
}

static int64_t entry_time(const struct version *v, const char *path)
{
	MUST(entry_of(v, path));
	return entry_of(v, path)->time;
}

static void test_times_of_tree(void)
{
	AUTO_VERSION struct version v = {0}, again = {0}, so = {0};
	bool known;

	put_text(in("times-1/usr/share/old"), "old");
	put_text(in("times-1/usr/share/odd"), "odd");
	MUST(symlink("old", in("times-1/usr/share/link")) == 0);
	MUST(utimensat(AT_FDCWD, in("times-1/usr/share/old"),
		       (struct timespec[]){{0}, {-5, 999999999}}, 0) == 0);
	set_time(in("times-1/usr/share/odd"), 4000000000);
	set_time(in("times-1/usr/share"), 1234567890);
	CHECK(add(in("times-1"), NULL, &v, &known) == 0 && !known);
	CHECK(entry_time(&v, "/usr/share/old") == -5 &&
	      entry_time(&v, "/usr/share/odd") == 4000000000);
	CHECK(entry_time(&v, "/usr/share") == 1234567890 && entry_time(&v, "/usr/share/link") == 0);
	set_time(in("times-1/usr/share/odd"), 5);
	set_time(in("times-1/usr/share"), 6);
	CHECK(add(in("times-1"), NULL, &again, &known) == 0 && known);
	CHECK(digest_equal(&v.digest, &again.digest));
	CHECK(entry_time(&again, "/usr/share/odd") == 4000000000);
	put_lib(in("libtimes.so.1.2"), "libtimes.so.1", "amd64", "bar");
	set_time(in("libtimes.so.1.2"), 42);
	CHECK(add(in("libtimes.so.1.2"), NULL, &so, &known) == 0);
	CHECK(entry_time(&so, "/usr/lib/x86_64-linux-gnu/libtimes.so.1.2") == 42);
	/* Beyond what a version can hold. tmpfs keeps such times, and other file systems cut them. */
	AUTO_VERSION struct version far = {0};
	set_time(in("times-1/usr/share/odd"), (time_t)1 << 40);
	CHECK(add(in("times-1"), &(struct intake_options){.name = "far"}, &far, &known) == 0);
	CHECK(entry_time(&far, "/usr/share/odd") == TIME_LATEST);
}

static void test_times_of_files(void)
{
	AUTO_VERSION struct version v = {0};
	AUTO_FD int fd = -1;
	bool known;

	put_text(in("single"), "single");
	set_time(in("single"), 77);
	fd = open(in("single"), O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0);
	const struct intake_file f = {fd, "/usr/share/single", NULL};
	CHECK(intake_add_files(store, &f, 1, &(struct intake_options){.name = "s", .version = "1"},
			       &v, &known, &err) == 0);
	CHECK(entry_time(&v, "/usr/share/single") == 77);
}

static void check_deb_times(const struct version *v, int64_t first)
{
	CHECK(entry_time(v, "/usr") == first && entry_time(v, "/usr/x") == first + 1);
	CHECK(entry_time(v, "/usr/hard") == first + 1); /* the same inode */
	CHECK(entry_time(v, "/usr/link") == 0 && entry_time(v, "/usr/last") == first + 4);
}

/* A .deb, and the image of its version, which gives the same times. */
static void test_times_of_archives(void)
{
	static const struct member members[] = {
		{"./usr/", AE_IFDIR, 0755, NULL, 0, NULL, 0},
		{"./usr/x", AE_IFREG, 0644, "x", 0, NULL, 0},
		{"./usr/hard", 0, 0644, "./usr/x", 0, NULL, 0},
		{"./usr/link", AE_IFLNK, 0777, "x", 0, NULL, 0},
		{"./usr/last", AE_IFREG, 0644, NULL, 0, NULL, 0},
		{"./usr/", AE_IFDIR, 0755, NULL, 0, NULL, 0}, /* again: the first time stays */
	};
	static const int64_t firsts[] = {0,	     1600000000,     -10, TIME_EARLIEST,
					 8589934600, TIME_LATEST - 4};

	for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
		AUTO_VERSION struct version v = {0}, back = {0};
		AUTO_STORE struct store *other = NULL;
		struct versions one = {&v, 1};
		AUTO_FD int fd =
			open(in("image.tar"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		char control[128], dir[32];
		bool known;

		snprintf(control, sizeof control, "Package: t%zu\nVersion: 1\nArchitecture: all\n",
			 i);
		snprintf(dir, sizeof dir, "other%zu", i);
		pack_time = firsts[i] - 1; /* the control file comes first */
		deb_write(in("times.deb"),
			  &(struct deb){control, members, 6, NULL, "data.tar", true});
		pack_time = 0;
		CHECK(add(in("times.deb"), NULL, &v, &known) == 0 && !known);
		check_deb_times(&v, firsts[i]);
		MUST(fd >= 0 && store_open(in(dir), true, &other, &err) == 0);
		CHECK(oci_write(store, &one, "", 0, fd, &err) == 0);
		CHECK(oci_add(other, fd, 1, &plain, &back, &known, &err) == 0 && !known);
		check_deb_times(&back, firsts[i]);
		CHECK(digest_equal(&v.digest, &back.digest));
	}
}

/* tar has no limit for the times of its pax headers. */
static void test_times_out_of_range(void)
{
	static const struct member members[] = {{"./x", AE_IFREG, 0644, "x", 0, NULL, 0}};
	AUTO_VERSION struct version v = {0};
	bool known;

	pack_time = INT64_C(1) << 50;
	gzip_deb(in("far.deb"), "Package: far\nVersion: 2\nArchitecture: all\n", members, 1, true);
	pack_time = 0;
	CHECK(add(in("far.deb"), NULL, &v, &known) == 0 && entry_time(&v, "/x") == TIME_LATEST);
}

static void check_live_times(const struct version *v)
{
	size_t files = 0;

	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];
		struct stat st;

		if (e->type != ENTRY_FILE || stat(e->path, &st) < 0)
			continue;
		CHECK(st.st_mtim.tv_sec == e->time);
		files++;
	}
	CHECK(files > 0);
}

static void test_packages(void)
{
	AUTO_VERSION struct version v = {0};
	bool known;

	CHECK(refused("dpkg:no-such-package-here", NULL, -ENOENT, "is not installed"));
	CHECK(refused("dpkg:zlib*", NULL, -EINVAL, "not a package name"));
	CHECK(refused("dpkg:--help", NULL, -EINVAL, "not a package name"));
	CHECK(refused("apt:-oDir=x", NULL, -EINVAL, "not a package name"));
	CHECK(refused("apt:a=", NULL, -EINVAL, "not a package name"));
	CHECK(refused("apt:no-such-package-here", NULL, -EIO, "no-such-package-here"));
	if (access("/var/lib/dpkg/info/zlib1g:amd64.list", F_OK) == 0) {
		int r;

		facts_reader = __real_elf_facts; /* its ELF files are real */
		r = add("dpkg:zlib1g:amd64", &plain, &v, &known);

		if (r < 0)
			fprintf(stderr, "%s\n", err.text);
		CHECK(r == 0);
		CHECK_STR(v.name, "zlib1g");
		check_live_times(&v);
	}
}

int main(void)
{
	scratch_make();
	CHECK(store_open(in("store"), false, &store, &err) == -ENOENT && !store);
	MUST(store_open(in("store"), true, &store, &err) == 0);
	test_tree();
	test_tree_refusals();
	test_so();
	test_deb();
	test_damaged();
	test_control();
	test_hostile();
	test_bomb();
	test_times_of_tree();
	test_times_of_files();
	test_times_of_archives();
	test_times_out_of_range();
	test_packages();
	store_close(&store);
	scratch_remove();
	return test_end();
}
