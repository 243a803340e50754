#include "store/layer.h"
#include "store/layer_verify.h"
#include "store/text.h"
#include "tests/unit/store_help.h"

#include <linux/fs.h>
#include <stdarg.h>
#include <sys/sysmacros.h>

static struct store *store;
static char said[8192]; /* the reports, a line each */

static void note(void *ctx, const char *what)
{
	size_t used = strlen(said);

	(void)ctx;
	snprintf(said + used, sizeof said - used, "%s\n", what);
}

static int verify(void)
{
	said[0] = '\0';
	return store_verify(store, note, NULL, &err);
}

/* Linked in the place of ioctl(2), since most file systems cannot clone. */
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);
static int (*fake_clone)(int to, int from);
static int clones;

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	long arg;

	va_start(ap, request);
	arg = va_arg(ap, long);
	va_end(ap);
	if (request != FICLONE || !fake_clone)
		return __real_ioctl(fd, request, arg);
	clones++;
	return fake_clone(fd, (int)arg);
}

static int clone_well(int to, int from)
{
	return copy_file_range(from, &(off_t){0}, to, &(off_t){0}, 1 << 20, 0) < 0 ? -1 : 0;
}

static int clone_wrong(int to, int from)
{
	(void)from;
	return write(to, "wrong", 5) == 5 ? 0 : -1;
}

static int clone_nothing(int to, int from)
{
	(void)to;
	(void)from;
	errno = EOPNOTSUPP;
	return -1;
}

static int verify_layers(void)
{
	said[0] = '\0';
	return layer_verify(in("layers"), note, NULL, &err);
}

static struct version add_lib(const char *version, const char *extra)
{
	AUTO_FREE char *dir = strdup(in("tree"));
	struct version v = {0};
	struct intake_options o = {.name = "libfoo", .version = version};
	char elf[FAKE_ELF];
	bool known;

	MUST(dir && file_remove_tree(AT_FDCWD, dir, &err) == 0);
	fake_elf(elf, "libfoo.so.1", "amd64", version);
	put_file(in("tree/usr/lib/libfoo.so.1"), elf, sizeof elf);
	put_text(in("tree/usr/share/foo/same"), "in all versions");
	if (extra)
		put_text(in("tree/usr/share/foo/extra"), extra);
	MUST(intake_add(store, dir, &o, &v, &known, &err) == 0);
	return v;
}

static const char *object_of(const struct version *v, const char *path)
{
	char hex[DIGEST_HEX], name[DIGEST_HEX + 32];

	MUST(entry_of(v, path));
	digest_hex(&entry_of(v, path)->content, hex);
	snprintf(name, sizeof name, "store/objects/%.2s/%s", hex, hex + 2);
	return in(name);
}

/* Changes the content and nothing else. */
static void flip(const char *path)
{
	AUTO_FD int fd = open(path, O_RDWR);
	struct stat st;
	char c;

	MUST(fd >= 0 && fstat(fd, &st) == 0 && pread(fd, &c, 1, 3) == 1);
	c ^= 1;
	MUST(pwrite(fd, &c, 1, 3) == 1);
	MUST(futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}) == 0);
}

static int find(const char *text, const char *arch, struct version *out)
{
	struct spec spec;

	MUST(spec_parse(text, &spec, &err) == 0);
	return store_find(store, &spec, arch, out, &err);
}

static void test_find(void)
{
	AUTO_VERSION struct version a = add_lib("1.2", NULL), b = add_lib("1.2.11", NULL),
				    c = add_lib("1.2.9", NULL), d = add_lib("1.2.9", "other");
	AUTO_VERSION struct version v = {0};
	AUTO_VERSIONS struct versions all = {0};
	char hex[DIGEST_HEX], text[DIGEST_HEX + 32];

	CHECK(!digest_equal(&a.digest, &b.digest) && !digest_equal(&b.digest, &c.digest) &&
	      !digest_equal(&c.digest, &d.digest));
	CHECK(store_list(store, &all, &err) == 0 && all.count == 4);
	CHECK_STR(all.items[0].version, "1.2");
	CHECK_STR(all.items[3].version, "1.2.11"); /* after 1.2.9 */
	CHECK(find("libfoo=1.2", NULL, &v) == 0);  /* the whole version */
	CHECK_STR(v.version, "1.2");
	version_free(&v);
	CHECK(find("libfoo.so.1=1.2.11", "amd64", &v) == 0);
	version_free(&v);
	CHECK(find("libfoo=1.2.11", "i386", &v) == -ENOENT && !v.name);
	CHECK(find("libfoo=1.3", NULL, &v) == -ENOENT);
	CHECK(strstr(err.text, "the store has no libfoo=1.3; it has libfoo 1.2 (amd64), ") != NULL);
	CHECK(strstr(err.text, "pinlib add apt:libfoo=1.3, or") != NULL);
	CHECK(find("libbar=1.3", NULL, &v) == -ENOENT);
	CHECK(strstr(err.text, "pinlib add apt:libbar=1.3, or") != NULL);
	CHECK(find("libfoo=1", NULL, &v) == -ENOTUNIQ);
	CHECK(find("libfoo=1.2.9", NULL, &v) == -ENOTUNIQ);
	digest_hex(&d.digest, hex);
	snprintf(text, sizeof text, "libfoo:amd64=1.2.9 sha256:%.12s", hex);
	CHECK(strstr(err.text, text) != NULL);
	snprintf(text, sizeof text, "libfoo=sha256:%.12s", hex);
	CHECK(find(text, NULL, &v) == 0 && digest_equal(&v.digest, &d.digest));
}

static void test_verify(void)
{
	AUTO_VERSION struct version v = add_lib("2.0", "verify me"), again = {0};
	const char *object = object_of(&v, "/usr/share/foo/extra");
	char hex[DIGEST_HEX], manifest[128];

	CHECK(verify() == 0);
	flip(object);
	CHECK(verify() == 2);
	CHECK(strstr(said, "is damaged") && strstr(said, "libfoo 2.0 (amd64)") &&
	      strstr(said, "/usr/share/foo/extra"));
	again = add_lib("2.0", "verify me"); /* repairs */
	CHECK(verify() == 0);
	MUST(chmod(object_of(&v, "/usr/share/foo/extra"), 0666) == 0);
	CHECK(verify() == 1 && strstr(said, "0666"));
	MUST(unlink(object_of(&v, "/usr/share/foo/extra")) == 0);
	CHECK(verify() == 1 && strstr(said, "is missing"));
	version_free(&again);
	again = add_lib("2.0", "verify me");
	CHECK(verify() == 0);
	digest_hex(&v.digest, hex);
	snprintf(manifest, sizeof manifest, "store/versions/%s", hex);
	flip(in(manifest));
	CHECK(verify() == 1 && strstr(said, "manifest"));
	version_free(&again);
	CHECK(store_load(store, &v.digest, &again, &err) == -EBADMSG && !again.name);
	again = add_lib("2.0", "verify me");
	put_text(in("store/objects/zz"), "");
	put_text(in("store/objects/00/short"), "");
	CHECK(verify() == 2);
	MUST(unlink(in("store/objects/zz")) == 0 && unlink(in("store/objects/00/short")) == 0);
	rmdir(in("store/objects/00"));
	CHECK(verify() == 0);
}

static void test_build(void)
{
	AUTO_VERSION struct version v = add_lib("3.0", "layer");
	struct digest lib = entry_of(&v, "/usr/lib/libfoo.so.1")->content;
	struct layer_entry e[] = {
		{1, LAYER_WHITEOUT, "glibc-hwcaps", 0, 0, {{0}}, NULL},
		{0, LAYER_FILE, "a/b/libfoo.so.1.2", 0644, PUT_TIME, lib, NULL},
		{0, LAYER_LINK, "a/b/libfoo.so.1", 0, 0, {{0}}, "libfoo.so.1.2"},
		{0, LAYER_FILE, "a/tool", 0755, PUT_TIME, lib, NULL},
		{0, LAYER_DIR, "empty", 0, 0, {{0}}, NULL},
		{0, LAYER_DIR, "a.b", 0, 0, {{0}}, NULL},
		{0, LAYER_DIR, "empty", 0, 0, {{0}}, NULL},
	};
	struct layer_entry reversed[7];
	char id[LAYER_ID], again[LAYER_ID], path[256];
	struct stat object, st;
	const struct layer_keep needed = {(const char *const[]){id}, 1, 1, false};
	struct layers_gone gone;

	for (size_t i = 0; i < 7; i++)
		reversed[i] = e[6 - i];
	if (layer_build(store, in("layers"), e, 7, id, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK(layer_build(store, in("layers"), reversed, 7, again, &err) == 0);
	CHECK_STR(id, again);
	CHECK(count_names(in("layers")) == 1);
	MUST(stat(object_of(&v, "/usr/lib/libfoo.so.1"), &object) == 0);
	snprintf(path, sizeof path, "layers/%s/0/a/b/libfoo.so.1.2", id);
	CHECK(stat(in(path), &st) == 0 && st.st_ino == object.st_ino);
	snprintf(path, sizeof path, "layers/%s/0/a/b/libfoo.so.1", id);
	CHECK(lstat(in(path), &st) == 0 && S_ISLNK(st.st_mode));
	snprintf(path, sizeof path, "layers/%s/0/a/tool", id);
	CHECK(stat(in(path), &st) == 0 && st.st_ino != object.st_ino &&
	      (st.st_mode & 07777) == 0755);
	snprintf(path, sizeof path, "layers/%s/0/a", id);
	CHECK(stat(in(path), &st) == 0 && (st.st_mode & 07777) == 0755);
	snprintf(path, sizeof path, "layers/%s/1/glibc-hwcaps", id);
	CHECK(stat(in(path), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0);
	CHECK(verify_layers() == 0);
	struct layer_entry other = {1, LAYER_DIR, "other", 0, 0, {{0}}, NULL};
	CHECK(layer_build(store, in("layers"), &other, 1, again, &err) == -EINVAL); /* no tree 0 */
	other.cover = 0;
	CHECK(layer_build(store, in("layers"), &other, 1, again, &err) == 0);
	CHECK(count_names(in("layers")) == 2);
	said[0] = '\0';
	CHECK(layer_gc(in("layers"), &needed, true, &gone, &err) == 0);
	CHECK(gone.removed == 1 && count_names(in("layers")) == 2);
	CHECK(layer_gc(in("layers"), &needed, false, &gone, &err) == 0);
	CHECK(gone.removed == 1 && count_names(in("layers")) == 1);
	CHECK(layer_gc(in("nowhere"), &needed, false, &gone, &err) == 0);
}

/* Makes the mark that a gc has left in the layer so many seconds older. */
static void age_mark(const char *id, time_t seconds)
{
	char path[2 * PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s/.unneeded", in("layers"), id);
	MUST(stat(path, &st) == 0);
	st.st_mtim.tv_sec -= seconds;
	MUST(utimensat(AT_FDCWD, path, (struct timespec[]){st.st_mtim, st.st_mtim}, 0) == 0);
}

static void test_gc_during_launches(void)
{
	AUTO_VERSION struct version v = add_lib("3.0", "held back");
	struct digest lib = entry_of(&v, "/usr/lib/libfoo.so.1")->content;
	struct layer_entry one = {0, LAYER_FILE, "held.so", 0644, PUT_TIME, lib, NULL};
	const struct layer_keep none = {NULL, 0, 0, true};
	struct layers_gone gone;
	char id[LAYER_ID], again[LAYER_ID];
	size_t before = count_names(in("layers"));

	MUST(layer_gc(in("layers"), &(struct layer_keep){0}, false, &gone, &err) == 0);
	before -= gone.removed;
	MUST(layer_build(store, in("layers"), &one, 1, id, &err) == 0);
	CHECK(layer_gc(in("layers"), &none, false, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	CHECK(layer_verify(in("layers"), note, NULL, &err) == 0);
	age_mark(id, LAYER_HOLD - 60);
	CHECK(layer_gc(in("layers"), &none, false, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	/* Needed meanwhile: the time begins anew. */
	age_mark(id, 120);
	CHECK(layer_build(store, in("layers"), &one, 1, again, &err) == 0);
	CHECK_STR(again, id);
	CHECK(layer_gc(in("layers"), &none, false, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	/* Of a clock that was set back. */
	age_mark(id, -86400);
	CHECK(layer_gc(in("layers"), &none, false, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	age_mark(id, LAYER_HOLD + 1); /* time(2) may lag behind the time of a file by a tick */
	CHECK(layer_gc(in("layers"), &none, false, &gone, &err) == 0);
	CHECK(gone.removed == 1 && gone.held == 0 && count_names(in("layers")) == before);
}

static void test_build_refusals(void)
{
	AUTO_VERSION struct version v = add_lib("4.0", "to be damaged");
	struct digest lib = entry_of(&v, "/usr/lib/libfoo.so.1")->content,
		      bad = entry_of(&v, "/usr/share/foo/extra")->content, none = {{1}};
	static const char *const paths[] = {"",	    "/x",   "x/",    "x//y", ".",     "..",
					    "../x", "x/..", "x/./y", "a\nb", ".wh.x", "\xff"};
	size_t before = count_names(in("layers"));
	char id[LAYER_ID];

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct layer_entry e = {0, LAYER_FILE, paths[i], 0644, PUT_TIME, lib, NULL};

		CHECK(layer_build(store, in("layers"), &e, 1, id, &err) == -EINVAL);
	}
	struct layer_entry two[] = {{0, LAYER_FILE, "x", 0644, PUT_TIME, lib, NULL},
				    {0, LAYER_FILE, "x", 0644, PUT_TIME, bad, NULL}};
	CHECK(layer_build(store, in("layers"), two, 2, id, &err) == -EEXIST);
	struct layer_entry below[] = {{0, LAYER_LINK, "x", 0, 0, {{0}}, "y"},
				      {0, LAYER_FILE, "x.y", 0644, PUT_TIME, lib, NULL},
				      {0, LAYER_FILE, "x/z", 0644, PUT_TIME, lib, NULL}};
	CHECK(layer_build(store, in("layers"), below, 3, id, &err) == -EEXIST);
	struct layer_entry mode = {0, LAYER_FILE, "x", 04755, PUT_TIME, lib, NULL};
	CHECK(layer_build(store, in("layers"), &mode, 1, id, &err) == -EINVAL);
	struct layer_entry missing = {0, LAYER_FILE, "x", 0644, PUT_TIME, none, NULL};
	CHECK(layer_build(store, in("layers"), &missing, 1, id, &err) == -EBADMSG);
	flip(object_of(&v, "/usr/share/foo/extra"));
	struct layer_entry damaged = {0, LAYER_FILE, "x", 0644, PUT_TIME, bad, NULL};
	CHECK(layer_build(store, in("layers"), &damaged, 1, id, &err) == -EBADMSG);
	CHECK(strstr(err.text, "damaged") != NULL);
	damaged.mode = 0755;
	CHECK(layer_build(store, in("layers"), &damaged, 1, id, &err) == -EBADMSG);
	MUST(chmod(object_of(&v, "/usr/lib/libfoo.so.1"), 0600) == 0);
	struct layer_entry closed = {0, LAYER_FILE, "x", 0644, PUT_TIME, lib, NULL};
	CHECK(layer_build(store, in("layers"), &closed, 1, id, &err) == -EBADMSG);
	MUST(chmod(object_of(&v, "/usr/lib/libfoo.so.1"), 0644) == 0);
	CHECK(count_names(in("layers")) == before);
}

static const char *in_layer(const char *id, const char *path)
{
	char name[PATH_MAX / 2];

	snprintf(name, sizeof name, "layers/%s/%s", id, path);
	return in(name);
}

static void test_times(void)
{
	AUTO_VERSION struct version v = add_lib("4.1", "times");
	struct digest lib = entry_of(&v, "/usr/lib/libfoo.so.1")->content;
	static const int64_t odd[] = {0,	 -5, TIME_EARLIEST, TIME_LATEST, INT64_C(1) << 31,
				      4000000000};
	struct layer_entry e[] = {
		/* sorted */
		{0, LAYER_DIR, "share.d", 0, 1500000001, {{0}}, NULL},
		{0, LAYER_DIR, "share/foo", 0, 1500000000, {{0}}, NULL},
		{0, LAYER_FILE, "share/foo/in/linked", 0644, PUT_TIME, lib, NULL},
		{0, LAYER_FILE, "share/foo/other", 0644, 1400000000, lib, NULL},
		{0, LAYER_FILE, "share/tool", 0755, 1400000001, lib, NULL},
		{1, LAYER_LINK, "link", 0, 0, {{0}}, "x"},
	};
	char id[LAYER_ID], other[LAYER_ID];
	struct stat st, object;

	CHECK(time_of(object_of(&v, "/usr/lib/libfoo.so.1")) == PUT_TIME);
	MUST(layer_build(store, in("layers"), e, 6, id, &err) == 0);
	CHECK(time_of(in_layer(id, "0/share/foo")) == 1500000000);
	CHECK(time_of(in_layer(id, "0/share.d")) == 1500000001);
	CHECK(time_of(in_layer(id, "0/share/foo/in/linked")) == PUT_TIME);
	CHECK(time_of(in_layer(id, "0/share/foo/other")) == 1400000000);
	CHECK(time_of(in_layer(id, "0/share/tool")) == 1400000001);
	CHECK(time_of(in_layer(id, "0/share/foo/in")) == LAYER_NO_TIME);
	CHECK(time_of(in_layer(id, "0/share")) == LAYER_NO_TIME);
	CHECK(time_of(in_layer(id, "0")) == LAYER_NO_TIME &&
	      time_of(in_layer(id, "1")) == LAYER_NO_TIME);
	MUST(stat(object_of(&v, "/usr/lib/libfoo.so.1"), &object) == 0);
	CHECK(stat(in_layer(id, "0/share/foo/in/linked"), &st) == 0 && st.st_ino == object.st_ino);
	CHECK(stat(in_layer(id, "0/share/foo/other"), &st) == 0 && st.st_ino != object.st_ino);
	CHECK(object.st_mtim.tv_sec == PUT_TIME && verify_layers() == 0);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		e[0].time = e[1].time = e[3].time = e[4].time = odd[i];
		CHECK(layer_build(store, in("layers"), e, 6, other, &err) == 0);
		CHECK(strcmp(id, other) != 0);
		CHECK(time_of(in_layer(other, "0/share/foo/other")) == odd[i]);
		CHECK(time_of(in_layer(other, "0/share/foo")) == odd[i]);
		CHECK(verify_layers() == 0);
	}
	e[0].time = TIME_LATEST + 1;
	CHECK(layer_build(store, in("layers"), e, 6, other, &err) == -EINVAL);
	e[0] = e[2];
	e[0].time++;
	CHECK(layer_build(store, in("layers"), e, 6, other, &err) == -EEXIST);
}

static void test_other_times(void)
{
	AUTO_VERSION struct version v = add_lib("4.1", "times");
	struct layer_entry e[] = {
		{0, LAYER_DIR, "d", 0, 1500000000, {{0}}, NULL},
		{0, LAYER_FILE, "d/x", 0755, 1400000000,
		 entry_of(&v, "/usr/share/foo/extra")->content, NULL},
	};
	static const char *const paths[] = {"0", "0/d", "0/d/x"};
	char id[LAYER_ID];
	AUTO_FD int dir = -1;

	MUST(layer_build(store, in("layers"), e, 2, id, &err) == 0);
	for (size_t i = 0; i < 3; i++) {
		set_time(in_layer(id, paths[i]), 1300000000);
		CHECK(verify_layers() == 1 && strstr(said, "has the time 1300000000, not "));
		CHECK(layer_build(store, in("layers"), e, 2, id, &err) == 0 &&
		      verify_layers() == 0);
	}
	MUST(mkdir(in("copy"), 0755) == 0);
	dir = open(in("copy"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(layer_copy(store, dir, e, 2, &err) == 0);
	CHECK(time_of(in("copy/0/d")) == 1500000000 && time_of(in("copy/0/d/x")) == 1400000000);
	/* What the file system cannot keep is no fault. */
	struct stat cut = {.st_mtim.tv_sec = INT32_MAX}, zero = {0}, part = {.st_mtim = {5, 1}};
	CHECK(layer_has_time(&cut, TIME_LATEST) && !layer_has_time(&cut, 5) &&
	      !layer_has_time(&cut, -5));
	CHECK(layer_has_time(&zero, -5) && !layer_has_time(&zero, 5) && !layer_has_time(&part, 5));
}

static void test_clone(void)
{
	AUTO_VERSION struct version v = add_lib("4.2", "to be cloned");
	struct digest extra = entry_of(&v, "/usr/share/foo/extra")->content;
	struct layer_entry e[] = {
		{0, LAYER_FILE, "exec", 0755, PUT_TIME, extra, NULL},
		{0, LAYER_FILE, "linked", 0644, PUT_TIME, extra, NULL},
		{0, LAYER_FILE, "time", 0644, 7, extra, NULL},
	};
	size_t before = count_names(in("layers"));
	char id[LAYER_ID];

	fake_clone = clone_wrong;
	clones = 0;
	CHECK(layer_build(store, in("layers"), e, 3, id, &err) == -EBADMSG && clones == 1);
	CHECK(count_names(in("layers")) == before);
	fake_clone = clone_well;
	clones = 0;
	CHECK(layer_build(store, in("layers"), e, 3, id, &err) == 0 && clones == 2);
	CHECK(time_of(in_layer(id, "0/time")) == 7 && time_of(in_layer(id, "0/exec")) == PUT_TIME);
	CHECK(verify_layers() == 0);
	fake_clone = clone_nothing;
	e[2].time = 8;
	CHECK(layer_build(store, in("layers"), e, 3, id, &err) == 0 && clones == 4);
	CHECK(verify_layers() == 0);
	fake_clone = NULL;
}

/* An object that came with two times has the first; each version has its own. */
static void test_shared_content(void)
{
	AUTO_VERSION struct version first = {0}, second = {0}, again = {0};
	struct intake_options o = {.name = "shared", .version = "1"};
	bool known;

	put_text(in("shared/usr/share/x"), "shared by two versions");
	set_time(in("shared/usr/share/x"), 1000);
	set_time(in("shared/usr/share"), 2000);
	MUST(intake_add(store, in("shared"), &o, &first, &known, &err) == 0);
	set_time(in("shared/usr/share/x"), 3000);
	o.version = "2";
	MUST(intake_add(store, in("shared"), &o, &second, &known, &err) == 0 && !known);
	CHECK(entry_of(&first, "/usr/share/x")->time == 1000 &&
	      entry_of(&first, "/usr/share")->time == 2000);
	CHECK(entry_of(&second, "/usr/share/x")->time == 3000);
	CHECK(time_of(object_of(&second, "/usr/share/x")) == 1000);
	/* Another time alone makes no other version, and its first times stay. */
	set_time(in("shared/usr/share/x"), 4000);
	CHECK(intake_add(store, in("shared"), &o, &again, &known, &err) == 0 && known);
	CHECK(digest_equal(&again.digest, &second.digest));
	CHECK(entry_of(&again, "/usr/share/x")->time == 3000);
	version_free(&again);
	CHECK(store_load(store, &second.digest, &again, &err) == 0 &&
	      entry_of(&again, "/usr/share/x")->time == 3000);
	CHECK(verify() == 0);
}

static void test_format_1(void)
{
	static const char old[] = "pinlib-manifest\t1\nname\tshared\nversion\t1\narch\tall\n";
	AUTO_VERSION struct version v = {0};
	struct digest digest;
	char hex[DIGEST_HEX], path[128];

	MUST(digest_data(old, strlen(old), &digest, &err) == 0);
	digest_hex(&digest, hex);
	snprintf(path, sizeof path, "store/versions/%s", hex);
	put_text(in(path), old);
	CHECK(store_load(store, &digest, &v, &err) == -EBADMSG);
	CHECK(strstr(err.text, " was written by an older pinlib, and lacks the times of files; ") &&
	      strstr(err.text, "restore it by adding the same files again"));
	MUST(unlink(in(path)) == 0);
}

/* Removals and new names change the times of these directories; the test wants the other faults. */
static int verify_damage(const char *base)
{
	char path[128];

	snprintf(path, sizeof path, "%s/0/lib", base);
	set_time(in(path), LAYER_NO_TIME);
	snprintf(path, sizeof path, "%s/0", base);
	set_time(in(path), LAYER_NO_TIME);
	return verify_layers();
}

static void test_layer_damage(void)
{
	AUTO_VERSION struct version v = add_lib("5.0", "layer damage");
	struct digest lib = entry_of(&v, "/usr/lib/libfoo.so.1")->content;
	struct layer_entry e[] = {
		{0, LAYER_FILE, "lib/copy", 0755, PUT_TIME, lib, NULL},
		{0, LAYER_LINK, "lib/link", 0, 0, {{0}}, "copy"},
		{0, LAYER_WHITEOUT, "gone", 0, 0, {{0}}, NULL},
	};
	char id[LAYER_ID], base[64], path[128];
	struct layer_keep live = {(const char *const[]){id}, 1, 0, false};
	struct layers_gone gone;
	size_t before;

	MUST(layer_build(store, in("layers"), e, 3, id, &err) == 0);
	snprintf(base, sizeof base, "layers/%s", id);
	CHECK(verify_damage(base) == 0);
	snprintf(path, sizeof path, "%s/0/lib/copy", base);
	flip(in(path));
	CHECK(verify_damage(base) == 1 && strstr(said, "lib/copy is damaged"));
	flip(in(path));
	MUST(chmod(in(path), 0777) == 0);
	CHECK(verify_damage(base) == 1 && strstr(said, "0777"));
	MUST(chmod(in(path), 0755) == 0);
	snprintf(path, sizeof path, "%s/0/lib/link", base);
	MUST(unlink(in(path)) == 0);
	CHECK(verify_damage(base) == 1 && strstr(said, "lib/link is missing"));
	MUST(symlink("/etc", in(path)) == 0);
	CHECK(verify_damage(base) == 1 && strstr(said, "points to /etc"));
	MUST(unlink(in(path)) == 0 && symlink("copy", in(path)) == 0);
	snprintf(path, sizeof path, "%s/0/extra", base);
	put_text(in(path), "x");
	CHECK(verify_damage(base) == 1 && strstr(said, "extra is not in .spec"));
	MUST(unlink(in(path)) == 0);
	snprintf(path, sizeof path, "%s/0/gone", base);
	MUST(unlink(in(path)) == 0);
	put_text(in(path), "");
	CHECK(verify_damage(base) == 1 && strstr(said, "is not of the type in .spec"));
	MUST(unlink(in(path)) == 0 && mknod(in(path), S_IFCHR, makedev(0, 0)) == 0);
	CHECK(verify_damage(base) == 0);
	snprintf(path, sizeof path, "%s/.spec", base);
	flip(in(path));
	CHECK(verify_damage(base) == 1 && strstr(said, ".spec"));
	/* Damaged layers are replaced, and stay only for running views. */
	before = count_names(in("layers"));
	CHECK(layer_build(store, in("layers"), e, 3, id, &err) == 0);
	CHECK(verify_layers() == 0 && count_names(in("layers")) == before + 1);
	CHECK(layer_gc(in("layers"), &live, false, &gone, &err) == 0);
	CHECK(count_names(in("layers")) == 2);
	live.planned = 1;
	CHECK(layer_gc(in("layers"), &live, false, &gone, &err) == 0);
	CHECK(count_names(in("layers")) == 1 && verify_layers() == 0);
	MUST(file_mkdirs(in("layers/.tmp-left"), &err) == 0);
	put_text(in("layers/stray"), "");
	CHECK(verify_layers() == 1 && strstr(said, "stray"));
	MUST(unlink(in("layers/stray")) == 0);
}

static void test_gc(void)
{
	AUTO_VERSION struct version keep = add_lib("6.0", "kept"), gone = add_lib("6.1", "gone"),
				    v = {0};
	struct digests digests = {&keep.digest, 1}, missing = {(struct digest[]){{{9}}}, 1};
	struct gc_result dry = {0}, r = {0};
	char path[PATH_MAX];
	AUTO_VERSIONS struct versions before = {0}, after = {0};

	snprintf(path, sizeof path, "%s", object_of(&gone, "/usr/share/foo/extra"));
	put_text(in("store/tmp/left/over"), "x");
	MUST(store_list(store, &before, &err) == 0);
	CHECK(store_gc(store, &missing, false, note, NULL, &r, &err) == -ENOENT);
	CHECK(strstr(err.text, "nothing was removed") != NULL);
	said[0] = '\0';
	CHECK(store_gc(store, &digests, true, note, NULL, &dry, &err) == 0);
	CHECK(dry.versions == before.count - 1 && dry.objects > 0 && dry.bytes > 0);
	CHECK(strstr(said, "libfoo 6.1 amd64\n") && !strstr(said, "libfoo 6.0"));
	CHECK(access(path, F_OK) == 0 && access(in("store/tmp/left"), F_OK) == 0);
	CHECK(store_gc(store, &digests, false, note, NULL, &r, &err) == 0);
	CHECK(r.versions == dry.versions && r.objects == dry.objects && r.bytes == dry.bytes);
	CHECK(access(path, F_OK) < 0 && count_names(in("store/tmp")) == 0);
	CHECK(store_list(store, &after, &err) == 0 && after.count == 1);
	CHECK(verify() == 0);
	CHECK(find("libfoo=6", NULL, &v) == 0);
	CHECK(store_gc(store, &(struct digests){0}, false, NULL, NULL, &r, &err) == 0);
	CHECK(r.versions == 1 && r.objects == 3 && count_names(in("store/objects")) == 0);
}

int main(void)
{
	scratch_make();
	MUST(store_open(in("store"), true, &store, &err) == 0);
	test_find();
	test_verify();
	test_build();
	test_shared_content();
	test_gc_during_launches();
	test_build_refusals();
	test_times();
	test_other_times();
	test_clone();
	test_format_1();
	test_layer_damage();
	test_gc();
	store_close(&store);
	scratch_remove();
	return test_end();
}
