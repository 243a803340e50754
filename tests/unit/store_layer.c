#include "store/layer.h"
#include "store/layer_verify.h"
#include "tests/unit/store_help.h"

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

static void flip(const char *path)
{
	AUTO_FD int fd = open(path, O_RDWR);
	char c;

	MUST(fd >= 0 && pread(fd, &c, 1, 3) == 1);
	c ^= 1;
	MUST(pwrite(fd, &c, 1, 3) == 1);
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
		{1, LAYER_WHITEOUT, "glibc-hwcaps", 0, {{0}}, NULL},
		{0, LAYER_FILE, "a/b/libfoo.so.1.2", 0644, lib, NULL},
		{0, LAYER_LINK, "a/b/libfoo.so.1", 0, {{0}}, "libfoo.so.1.2"},
		{0, LAYER_FILE, "a/tool", 0755, lib, NULL},
		{0, LAYER_DIR, "empty", 0, {{0}}, NULL},
		{0, LAYER_DIR, "a.b", 0, {{0}}, NULL},
		{0, LAYER_DIR, "empty", 0, {{0}}, NULL},
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
	struct layer_entry other = {1, LAYER_DIR, "other", 0, {{0}}, NULL};
	CHECK(layer_build(store, in("layers"), &other, 1, again, &err) == -EINVAL); /* no tree 0 */
	other.cover = 0;
	CHECK(layer_build(store, in("layers"), &other, 1, again, &err) == 0);
	CHECK(count_names(in("layers")) == 2);
	said[0] = '\0';
	CHECK(layer_gc(in("layers"), &needed, true, note, NULL, &gone, &err) == 0);
	CHECK(gone.removed == 1 && strstr(said, again) && count_names(in("layers")) == 2);
	CHECK(layer_gc(in("layers"), &needed, false, note, NULL, &gone, &err) == 0);
	CHECK(gone.removed == 1 && count_names(in("layers")) == 1);
	CHECK(layer_gc(in("nowhere"), &needed, false, note, NULL, &gone, &err) == 0);
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
	struct layer_entry one = {0, LAYER_FILE, "held.so", 0644, lib, NULL};
	const struct layer_keep none = {NULL, 0, 0, true};
	struct layers_gone gone;
	char id[LAYER_ID], again[LAYER_ID];
	size_t before = count_names(in("layers"));

	MUST(layer_gc(in("layers"), &(struct layer_keep){0}, false, note, NULL, &gone, &err) == 0);
	before -= gone.removed;
	MUST(layer_build(store, in("layers"), &one, 1, id, &err) == 0);
	CHECK(layer_gc(in("layers"), &none, false, note, NULL, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	CHECK(layer_verify(in("layers"), note, NULL, &err) == 0);
	age_mark(id, LAYER_HOLD - 60);
	CHECK(layer_gc(in("layers"), &none, false, note, NULL, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	/* Needed meanwhile: the time begins anew. */
	age_mark(id, 120);
	CHECK(layer_build(store, in("layers"), &one, 1, again, &err) == 0);
	CHECK_STR(again, id);
	CHECK(layer_gc(in("layers"), &none, false, note, NULL, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	/* Of a clock that was set back. */
	age_mark(id, -86400);
	CHECK(layer_gc(in("layers"), &none, false, note, NULL, &gone, &err) == 0);
	CHECK(gone.removed == 0 && gone.held == 1);
	age_mark(id, LAYER_HOLD + 1); /* time(2) may lag behind the time of a file by a tick */
	CHECK(layer_gc(in("layers"), &none, false, note, NULL, &gone, &err) == 0);
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
		struct layer_entry e = {0, LAYER_FILE, paths[i], 0644, lib, NULL};

		CHECK(layer_build(store, in("layers"), &e, 1, id, &err) == -EINVAL);
	}
	struct layer_entry two[] = {{0, LAYER_FILE, "x", 0644, lib, NULL},
				    {0, LAYER_FILE, "x", 0644, bad, NULL}};
	CHECK(layer_build(store, in("layers"), two, 2, id, &err) == -EEXIST);
	struct layer_entry below[] = {{0, LAYER_LINK, "x", 0, {{0}}, "y"},
				      {0, LAYER_FILE, "x.y", 0644, lib, NULL},
				      {0, LAYER_FILE, "x/z", 0644, lib, NULL}};
	CHECK(layer_build(store, in("layers"), below, 3, id, &err) == -EEXIST);
	struct layer_entry mode = {0, LAYER_FILE, "x", 04755, lib, NULL};
	CHECK(layer_build(store, in("layers"), &mode, 1, id, &err) == -EINVAL);
	struct layer_entry missing = {0, LAYER_FILE, "x", 0644, none, NULL};
	CHECK(layer_build(store, in("layers"), &missing, 1, id, &err) == -EBADMSG);
	flip(object_of(&v, "/usr/share/foo/extra"));
	struct layer_entry damaged = {0, LAYER_FILE, "x", 0644, bad, NULL};
	CHECK(layer_build(store, in("layers"), &damaged, 1, id, &err) == -EBADMSG);
	CHECK(strstr(err.text, "damaged") != NULL);
	damaged.mode = 0755;
	CHECK(layer_build(store, in("layers"), &damaged, 1, id, &err) == -EBADMSG);
	MUST(chmod(object_of(&v, "/usr/lib/libfoo.so.1"), 0600) == 0);
	struct layer_entry closed = {0, LAYER_FILE, "x", 0644, lib, NULL};
	CHECK(layer_build(store, in("layers"), &closed, 1, id, &err) == -EBADMSG);
	MUST(chmod(object_of(&v, "/usr/lib/libfoo.so.1"), 0644) == 0);
	CHECK(count_names(in("layers")) == before);
}

static void test_layer_damage(void)
{
	AUTO_VERSION struct version v = add_lib("5.0", "layer damage");
	struct digest lib = entry_of(&v, "/usr/lib/libfoo.so.1")->content;
	struct layer_entry e[] = {
		{0, LAYER_FILE, "lib/copy", 0755, lib, NULL},
		{0, LAYER_LINK, "lib/link", 0, {{0}}, "copy"},
		{0, LAYER_WHITEOUT, "gone", 0, {{0}}, NULL},
	};
	char id[LAYER_ID], base[64], path[128];
	struct layer_keep live = {(const char *const[]){id}, 1, 0, false};
	struct layers_gone gone;
	size_t before;

	MUST(layer_build(store, in("layers"), e, 3, id, &err) == 0);
	snprintf(base, sizeof base, "layers/%s", id);
	CHECK(verify_layers() == 0);
	snprintf(path, sizeof path, "%s/0/lib/copy", base);
	flip(in(path));
	CHECK(verify_layers() == 1 && strstr(said, "lib/copy is damaged"));
	flip(in(path));
	MUST(chmod(in(path), 0777) == 0);
	CHECK(verify_layers() == 1 && strstr(said, "0777"));
	MUST(chmod(in(path), 0755) == 0);
	snprintf(path, sizeof path, "%s/0/lib/link", base);
	MUST(unlink(in(path)) == 0);
	CHECK(verify_layers() == 1 && strstr(said, "lib/link is missing"));
	MUST(symlink("/etc", in(path)) == 0);
	CHECK(verify_layers() == 1 && strstr(said, "points to /etc"));
	MUST(unlink(in(path)) == 0 && symlink("copy", in(path)) == 0);
	snprintf(path, sizeof path, "%s/0/extra", base);
	put_text(in(path), "x");
	CHECK(verify_layers() == 1 && strstr(said, "extra is not in .spec"));
	MUST(unlink(in(path)) == 0);
	snprintf(path, sizeof path, "%s/0/gone", base);
	MUST(unlink(in(path)) == 0);
	put_text(in(path), "");
	CHECK(verify_layers() == 1 && strstr(said, "is not of the type in .spec"));
	MUST(unlink(in(path)) == 0 && mknod(in(path), S_IFCHR, makedev(0, 0)) == 0);
	CHECK(verify_layers() == 0);
	snprintf(path, sizeof path, "%s/.spec", base);
	flip(in(path));
	CHECK(verify_layers() == 1 && strstr(said, ".spec"));
	/* Damaged layers are replaced, and stay only for running views. */
	before = count_names(in("layers"));
	CHECK(layer_build(store, in("layers"), e, 3, id, &err) == 0);
	CHECK(verify_layers() == 0 && count_names(in("layers")) == before + 1);
	CHECK(layer_gc(in("layers"), &live, false, note, NULL, &gone, &err) == 0);
	CHECK(count_names(in("layers")) == 2);
	live.planned = 1;
	CHECK(layer_gc(in("layers"), &live, false, note, NULL, &gone, &err) == 0);
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
	CHECK(strstr(said, "version libfoo 6.1") && !strstr(said, "version libfoo 6.0"));
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
	test_gc_during_launches();
	test_build_refusals();
	test_layer_damage();
	test_gc();
	store_close(&store);
	scratch_remove();
	return test_end();
}
