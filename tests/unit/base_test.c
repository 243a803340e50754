/* base/: errors, files, paths, mount tables, digests, running programs. */
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/path.h"
#include "base/reach.h"
#include "base/run.h"
#include "base/trust.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;

/* -- err -- */

static void test_err(void)
{
	char big[3 * ERR_TEXT_MAX];

	CHECK(err_set(&err, EPERM, "no %s %d", "x", 3) == -EPERM);
	CHECK_STR(err.text, "no x 3");
	CHECK(err_sys(&err, ENOENT, "cannot open %s", "/y") == -ENOENT);
	CHECK_STR(err.text, "cannot open /y: No such file or directory");
	CHECK(err_wrap(&err, -ENOENT, "cannot use %s", "z") == -ENOENT);
	CHECK_STR(err.text, "cannot use z: cannot open /y: No such file or directory");
	CHECK(err_nomem(&err) == -ENOMEM && strstr(err.text, "out of memory"));
	memset(big, 'b', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	CHECK(err_set(&err, EINVAL, "%s", big) == -EINVAL);
	CHECK(strlen(err.text) == ERR_TEXT_MAX - 1);
	CHECK(err_sys(&err, EINVAL, "%s", big) == -EINVAL);
	CHECK(err_wrap(&err, -EINVAL, "%s", big) == -EINVAL);
	CHECK(strlen(err.text) == ERR_TEXT_MAX - 1);
	/* A text that grows too long is cut at its old end, not at its new beginning. */
	err_set(&err, EINVAL, "end");
	for (int i = 0; i < 500; i++)
		err_wrap(&err, -EINVAL, "level %d", i);
	CHECK(strncmp(err.text, "level 499: level 498: ", 22) == 0);
}

/* -- file -- */

static char *read_back(const char *path, size_t *len)
{
	char *data = NULL;

	CHECK(file_read_at(AT_FDCWD, path, 1 << 26, &data, len, &err) == 0);
	return data;
}

static void test_read_limits(void)
{
	AUTO_FREE char *data = NULL, *none = NULL;
	size_t len = 77;

	MUST(file_publish(AT_FDCWD, "ten", "0123456789", 10, 0644, &err) == 0);
	CHECK(file_read_at(AT_FDCWD, "ten", 10, &data, &len, &err) == 0);
	CHECK(len == 10 && memcmp(data, "0123456789", 11) == 0); /* and a NUL */
	len = 77;
	CHECK(file_read_at(AT_FDCWD, "ten", 9, &none, &len, &err) == -EFBIG);
	CHECK(!none && len == 77);
	CHECK(strstr(err.text, "ten: "));
}

static void test_read_part(void)
{
	AUTO_FD int fd = -1;
	char buf[8] = "";

	MUST(file_publish(AT_FDCWD, "ten", "0123456789", 10, 0644, &err) == 0);
	fd = open("ten", O_RDWR | O_CLOEXEC);
	MUST(fd >= 0 && lseek(fd, 5, SEEK_SET) == 5);
	CHECK(file_read_part(fd, buf, 4, 3, &err) == 4 && memcmp(buf, "3456", 4) == 0);
	CHECK(file_read_part(fd, buf, 4, 8, &err) == 2 && memcmp(buf, "89", 2) == 0);
	CHECK(file_read_part(fd, buf, 4, 10, &err) == 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == 5);
	CHECK(file_read_part(-1, buf, 4, 0, &err) == -EBADF && strstr(err.text, "cannot read"));
}

static void test_read_sizes(void)
{
	static const size_t sizes[] = {0, 1, 8190, 8191, 8192, 8193, 16383, 16384, 1000003};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		AUTO_FREE char *data = malloc(sizes[i] + 1), *back = NULL;
		size_t len;

		MUST(data);
		for (size_t k = 0; k < sizes[i]; k++)
			data[k] = (char)(k * 7 + k / 256);
		MUST(file_publish(AT_FDCWD, "sized", data, sizes[i], 0644, &err) == 0);
		back = read_back("sized", &len);
		CHECK(len == sizes[i] && memcmp(data, back, len) == 0 && back[len] == '\0');
	}
}

static void test_read_refuses(void)
{
	char *data = NULL;
	size_t len;

	MUST(mkfifo("fifo", 0644) == 0);
	CHECK(file_read_at(AT_FDCWD, "fifo", 10, &data, &len, &err) == -EINVAL);
	CHECK(file_read_at(AT_FDCWD, "/dev/zero", 10, &data, &len, &err) == -EINVAL);
	CHECK(file_read_at(AT_FDCWD, ".", 10, &data, &len, &err) == -EINVAL);
	CHECK(file_read_at(AT_FDCWD, "missing", 10, &data, &len, &err) == -ENOENT);
	CHECK(strstr(err.text, "missing"));
	CHECK(!data);
}

static void test_read_pipe(void)
{
	AUTO_FREE char *data = NULL;
	size_t len = 0;
	int pipes[2];

	MUST(pipe(pipes) == 0 && write(pipes[1], "through a pipe", 14) == 14);
	close(pipes[1]);
	CHECK(file_read(pipes[0], 14, &data, &len, &err) == 0);
	CHECK_STR(data, "through a pipe");
	close(pipes[0]);
}

static size_t names_in(const char *dir)
{
	AUTO_DIR DIR *d = opendir(dir);
	size_t n = 0;

	MUST(d);
	while (readdir(d))
		n++;
	return n - 2;
}

static void test_publish(void)
{
	AUTO_FREE char *data = NULL;
	AUTO_FD int dir = -1;
	struct stat st;
	mode_t mask = umask(077);
	size_t len;

	MUST(mkdir("pub", 0755) == 0);
	dir = open("pub", O_RDONLY | O_DIRECTORY);
	CHECK(file_publish(dir, "f", "one", 3, 0644, &err) == 0);
	CHECK(file_publish(dir, "f", "second", 6, 0604, &err) == 0);
	umask(mask);
	data = read_back("pub/f", &len);
	CHECK_STR(data, "second");
	CHECK(stat("pub/f", &st) == 0 && (st.st_mode & 07777) == 0604);
	/* A link is replaced and not followed; after a failure the old file is still there. */
	MUST(symlink("f", "pub/link") == 0);
	CHECK(file_publish(dir, "link", "three", 5, 0644, &err) == 0);
	CHECK(lstat("pub/link", &st) == 0 && S_ISREG(st.st_mode));
	MUST(mkdir("pub/dir", 0755) == 0);
	CHECK(file_publish(dir, "dir", "x", 1, 0644, &err) < 0);
	CHECK(file_publish(AT_FDCWD, "none/f", "x", 1, 0644, &err) == -ENOENT);
	CHECK(names_in("pub") == 3);
}

static void test_mkdirs(void)
{
	struct stat st;
	mode_t mask = umask(077);
	char path[PATH_MAX + 8], cwd[PATH_MAX - 64];

	MUST(getcwd(cwd, sizeof cwd));
	snprintf(path, sizeof path, "%s/m/n//o/", cwd);
	CHECK(file_mkdirs(path, &err) == 0);
	CHECK(file_mkdirs(path, &err) == 0);
	CHECK(stat("m/n/o", &st) == 0 && (st.st_mode & 07777) == 0755);
	CHECK(stat("m", &st) == 0 && (st.st_mode & 07777) == 0755);
	umask(mask);
	snprintf(path, sizeof path, "%s/ten/x", cwd);
	CHECK(file_mkdirs(path, &err) == -ENOTDIR);
	CHECK(file_mkdirs("", &err) == -ENAMETOOLONG);
	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	CHECK(file_mkdirs(path, &err) == -ENAMETOOLONG);
}

/* Directories that nobody may enter, and links that lead outside. */
static void test_remove_tree(void)
{
	struct stat st;

	MUST(mkdir("t", 0755) == 0 && mkdir("t/d", 0755) == 0 && mkdir("t/d/e", 0755) == 0);
	MUST(mkdir("out", 0755) == 0 && close(creat("out/kept", 0644)) == 0);
	MUST(close(creat("t/d/e/f", 0)) == 0 && mkfifo("t/d/p", 0644) == 0);
	MUST(symlink("../out", "t/link") == 0 && symlink("/", "t/d/root") == 0);
	MUST(chmod("t/d/e", 0) == 0 && chmod("t/d", 0500) == 0);
	CHECK(file_remove_tree(AT_FDCWD, "t", &err) == 0);
	CHECK(lstat("t", &st) < 0 && stat("out/kept", &st) == 0);
	CHECK(file_remove_tree(AT_FDCWD, "t", &err) == 0);
	MUST(symlink("out", "tolink") == 0);
	CHECK(file_remove_tree(AT_FDCWD, "tolink", &err) == 0);
	CHECK(lstat("tolink", &st) < 0 && stat("out/kept", &st) == 0);
	CHECK(file_remove_tree(AT_FDCWD, "ten/x", &err) == -ENOTDIR);
}

static void test_temp_name(void)
{
	char one[64], two[64], tight[20];

	CHECK(file_temp_name(".tmp-", one, sizeof one, &err) == 0);
	CHECK(file_temp_name(".tmp-", two, sizeof two, &err) == 0);
	CHECK(strlen(one) == 21 && strncmp(one, ".tmp-", 5) == 0 && strcmp(one, two) != 0);
	CHECK(strspn(one + 5, "0123456789abcdef") == 16);
	CHECK(file_temp_name(".tmp-", tight, sizeof tight, &err) == -ENAMETOOLONG);
}

/* -- path -- */

static const char *normal(const char *path)
{
	static char out[PATH_MAX];

	return path_normalise(path, out, &err) == 0 ? out : NULL;
}

static int normal_error(const char *path)
{
	char out[PATH_MAX];

	return path_normalise(path, out, &err);
}

static void test_normalise(void)
{
	char long_path[PATH_MAX + 2], long_name[NAME_MAX + 3];

	CHECK_STR(normal("/"), "/");
	CHECK_STR(normal("//"), "/");
	CHECK_STR(normal("/a//b/./c/"), "/a/b/c");
	CHECK_STR(normal("/a/../b"), "/b");
	CHECK_STR(normal("/a/.."), "/");
	CHECK_STR(normal("/..a/...b"), "/..a/...b");
	CHECK(normal_error("") == -EINVAL && normal_error("a/b") == -EINVAL);
	CHECK(normal_error("/..") == -EINVAL && normal_error("/a/../..") == -EINVAL);
	CHECK(normal_error("/a\nb") == -EINVAL && normal_error("/a\177") == -EINVAL);
	CHECK_STR(normal("/a b\303\244"), "/a b\303\244");
	memset(long_name, 'n', sizeof long_name - 1);
	long_name[0] = '/';
	long_name[NAME_MAX + 2] = '\0';
	CHECK(normal_error(long_name) == -ENAMETOOLONG);
	long_name[NAME_MAX + 1] = '\0';
	CHECK(normal_error(long_name) == 0);
	for (size_t i = 0; i < PATH_MAX; i++)
		long_path[i] = i % 2 ? 'p' : '/';
	long_path[PATH_MAX] = '\0';
	CHECK(normal_error(long_path) == -ENAMETOOLONG);
	long_path[PATH_MAX - 1] = '\0'; /* ends in a slash, which is removed */
	CHECK(normal_error(long_path) == 0);
}

static void test_resolve(void)
{
	char cwd[PATH_MAX / 2], path[PATH_MAX], want[PATH_MAX], out[PATH_MAX];
	size_t existing;

	MUST(getcwd(cwd, sizeof cwd) && mkdir("real", 0755) == 0 && symlink("real", "alias") == 0);
	snprintf(path, sizeof path, "%s/alias/new/dir", cwd);
	snprintf(want, sizeof want, "%s/real/new/dir", cwd);
	CHECK(path_resolve(path, out, &existing, &err) == 0);
	CHECK_STR(out, want);
	CHECK(existing == strlen(cwd) + strlen("/real"));
	snprintf(path, sizeof path, "%s/alias", cwd);
	snprintf(want, sizeof want, "%s/real", cwd);
	CHECK(path_resolve(path, out, &existing, &err) == 0);
	CHECK_STR(out, want);
	CHECK(existing == strlen(want));
	CHECK(path_resolve("/", out, &existing, &err) == 0 && existing == 1);
	CHECK_STR(out, "/");
	CHECK(path_resolve("/no-such/x", out, &existing, &err) == 0 && existing == 1);
	CHECK_STR(out, "/no-such/x");
	MUST(symlink("cycle", "cycle") == 0);
	snprintf(path, sizeof path, "%s/cycle/x", cwd);
	CHECK(path_resolve(path, out, NULL, &err) == -ELOOP);
	CHECK(path_resolve("relative", out, NULL, &err) == -EINVAL);
}

static void test_path_text(void)
{
	char dir[PATH_MAX];

	CHECK(path_below("/a/b", "/a") && path_below("/a", "/a") && path_below("/a", "/"));
	CHECK(!path_below("/ab", "/a") && !path_below("/", "/a") && !path_below("/a", "/a/b"));
	CHECK_STR(path_base("/usr/bin/x"), "x");
	CHECK_STR(path_base("x"), "x");
	CHECK_STR(path_base("/"), "");
	path_dir("/usr/bin", dir);
	CHECK_STR(dir, "/usr");
	path_dir("/x", dir);
	CHECK_STR(dir, "/");
}

/* As root: paths that other users may change are not trusted. */
static void test_roots(void)
{
	char cwd[PATH_MAX / 2], path[PATH_MAX];

	CHECK(trust_file("/usr/bin", &err) && trust_file("/", &err));
	CHECK(!trust_file("/tmp", &err) && strstr(err.text, "/tmp "));
	CHECK(!trust_file("usr", &err));
	CHECK(!trust_file("/usr/no-such-name", &err));
	MUST(getcwd(cwd, sizeof cwd));
	snprintf(path, sizeof path, "%s/out", cwd);
	CHECK(!trust_file(path, &err)); /* below a sticky directory */
}

/* -- reach -- */

static bool reaches(const char *path, int how, const char *wanted)
{
	AUTO_REACH struct reach r = REACH_NONE;
	int n = reach(path, how, &r, &err);

	if (n < 0 || strcmp(r.path, wanted) != 0)
		fprintf(stderr, "%s leads to %d %s, not %s\n", path, n, n < 0 ? err.text : r.path,
			wanted);
	return n == 0 && strcmp(r.path, wanted) == 0;
}

static int reach_error(const char *path, int how)
{
	AUTO_REACH struct reach r = REACH_NONE;

	return reach(path, how, &r, &err);
}

static void test_reach_paths(const char *cwd)
{
	char file[PATH_MAX], dir[PATH_MAX], longest[NAME_MAX + 2];

	snprintf(file, sizeof file, "%s/r/a/file", cwd);
	snprintf(dir, sizeof dir, "%s/r/a", cwd);
	CHECK(reaches("/", 0, "/") && reaches("/../..", 0, "/"));
	CHECK(reaches("r/a/file", 0, file) && reaches(".//r/./b/../a/file", 0, file));
	CHECK(reaches("r/link", 0, file) && reaches("r/far/file", 0, file));
	CHECK(reaches("r/far", 0, dir) && reaches("r/far/", 0, dir));
	CHECK(reach_error("r/a/file/", 0) == -ENOTDIR);
	CHECK(reach_error("r/a/file/x", 0) == -ENOTDIR && reach_error("", 0) == -ENOENT);
	CHECK(reach_error("r/none", 0) == -ENOENT && reach_error("r/none/x", REACH_NEW) == -ENOENT);
	CHECK(reach_error("r/none/", REACH_NEW) == -ENOENT);
	CHECK(reach_error("r/loop", 0) == -ELOOP);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	CHECK(reach_error(longest, 0) == -ENAMETOOLONG);
}

static void test_reach(void)
{
	AUTO_REACH struct reach none = REACH_NONE, link = REACH_NONE, shut = REACH_NONE,
				theirs = REACH_NONE;
	char cwd[PATH_MAX / 2], to[PATH_MAX];
	AUTO_FD int fd = -1;

	umask(022);
	MUST(getcwd(cwd, sizeof cwd) && file_mkdirs("r/a", &err) == 0 && mkdir("r/b", 0700) == 0);
	fd = open("r/a/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	snprintf(to, sizeof to, "%s/r/a", cwd);
	MUST(fd >= 0 && symlink("a/file", "r/link") == 0 && symlink(to, "r/far") == 0 &&
	     symlink("loop", "r/loop") == 0 && symlink("new", "r/dangling") == 0);
	test_reach_paths(cwd);
	CHECK(reach("r/dangling", REACH_NEW, &none, &err) == 0 && none.fd < 0 && none.dir >= 0);
	CHECK_STR(none.name, "new");
	CHECK(reach("r/link", REACH_LINK, &link, &err) == 0 && S_ISLNK(link.st.st_mode));

	/* Root may name a closed file as long as no user can exchange it. */
	CHECK(reach("r/b", 0, &shut, &err) == 0 && shut.meant && strstr(shut.closed, cwd));
	CHECK(reach_public(&shut, true, &err) == 0 && reach_public(&shut, false, &err) == -EPERM);
	MUST(chmod("r", 0777) == 0);
	CHECK(reach("r/b", 0, &theirs, &err) == 0 && !theirs.meant);
	CHECK(reach_public(&theirs, true, &err) == -EPERM);
	if (!as_root("a link of another user"))
		return;
	MUST(lchown("r/link", 1000, 1000) == 0);
	CHECK(reach_error("r/link", 0) == -EPERM && strstr(err.text, "user 1000"));
}

/* -- digest -- */

static const char *hex_of(const void *data, size_t len)
{
	static char hex[DIGEST_HEX];
	struct digest d;

	CHECK(digest_data(data, len, &d, &err) == 0);
	digest_hex(&d, hex);
	return hex;
}

/* FIPS 180-4's own examples. */
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_MILLION "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void test_digest(void)
{
	struct digest d, e;
	char hex[DIGEST_HEX];

	CHECK_STR(hex_of("", 0), OF_NOTHING);
	CHECK_STR(hex_of("abc", 3), OF_ABC);
	CHECK(digest_parse(OF_ABC, &d));
	digest_hex(&d, hex);
	CHECK_STR(hex, OF_ABC);
	CHECK(digest_parse(OF_NOTHING, &e) && !digest_equal(&d, &e) && digest_equal(&d, &d));
	CHECK(!digest_parse("", &e) && !digest_parse(OF_ABC "0", &e) &&
	      !digest_parse(&OF_ABC[1], &e));
	memcpy(hex, OF_ABC, sizeof hex);
	hex[63] = 'D';
	CHECK(!digest_parse(hex, &e));
	hex[63] = 'g';
	CHECK(!digest_parse(hex, &e));
}

static void test_digest_pieces(void)
{
	AUTO_FREE char *million = malloc(1000000);
	struct digest_stream *s = digest_begin(), *dropped = digest_begin();
	struct digest d;
	char hex[DIGEST_HEX];
	AUTO_FD int fd = -1;

	MUST(million && s && dropped);
	memset(million, 'a', 1000000);
	for (size_t at = 0, n = 1; at < 1000000; at += n, n = n * 3 % 70001) {
		if (n > 1000000 - at)
			n = 1000000 - at;
		CHECK(digest_update(s, million + at, n, &err) == 0);
	}
	CHECK(digest_end(&s, &d, &err) == 0);
	digest_hex(&d, hex);
	CHECK_STR(hex, OF_MILLION);
	digest_abandon(&dropped);
	CHECK(!dropped);
	/* A file is read from its start, and the descriptor's position stays. */
	MUST(file_publish(AT_FDCWD, "million", million, 1000000, 0644, &err) == 0);
	fd = open("million", O_RDONLY);
	MUST(lseek(fd, 12345, SEEK_SET) == 12345);
	CHECK(digest_fd(fd, &d, &err) == 0);
	digest_hex(&d, hex);
	CHECK_STR(hex, OF_MILLION);
	CHECK(lseek(fd, 0, SEEK_CUR) == 12345);
	CHECK(digest_fd(-1, &d, &err) == -EBADF);
}

/* -- run -- */

static int run_sh(const char *script, size_t max, char **out)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	return run_read(argv, NULL, max, out, &err);
}

static void test_run(void)
{
	AUTO_FREE char *text = NULL, *where = NULL, *input = NULL;
	const char *const pwd[] = {"pwd", NULL}, *const none[] = {"no-such-program", NULL};

	CHECK(run_sh("echo \"$LC_ALL\"; echo why >&2; exit 3", 100, &text) == 3);
	CHECK_STR(text, "C.UTF-8\n");
	CHECK_STR(err.text, "why");
	CHECK(run_read(pwd, "/usr", 100, &where, &err) == 0);
	CHECK_STR(where, "/usr\n");
	CHECK(run_sh("cat", 100, &input) == 0);
	CHECK_STR(input, "");
	CHECK(run_read(none, NULL, 100, NULL, &err) < 0);
	CHECK(strstr(err.text, "no-such-program"));
	CHECK(run_sh("echo discarded", 100, NULL) == 0);
}

static void test_run_fails(void)
{
	char *text = NULL;

	CHECK(run_sh("kill -9 $$", 100, &text) < 0);
	CHECK(strstr(err.text, "signal 9"));
	CHECK(run_sh("yes", 1000, &text) == -EFBIG);
	CHECK(!text);
	/* The error text is one line without control characters. */
	CHECK(run_sh("printf 'a\\nb\\033[1m\\n' >&2; exit 1", 100, NULL) == 1);
	CHECK_STR(err.text, "a b [1m");
	/* More standard error than a pipe holds does not block the program. */
	CHECK(run_sh("head -c 1000000 /dev/zero | tr '\\0' x >&2", 100, NULL) == 0);
	CHECK(strlen(err.text) == ERR_TEXT_MAX - 1);
}

/* A long output is complete, and the program is not looked up in the caller's PATH. */
static void test_run_output(void)
{
	AUTO_FREE char *text = NULL;

	setenv("PATH", "/nowhere", 1);
	CHECK(run_sh("head -c 3000000 /dev/zero | tr '\\0' y", 3000000, &text) == 0);
	CHECK(text && strlen(text) == 3000000 && strspn(text, "y") == 3000000);
}

int main(void)
{
	char scratch[] = "/tmp/base-test-XXXXXX";

	MUST(mkdtemp(scratch) && chdir(scratch) == 0);
	test_err();
	test_read_limits();
	test_read_part();
	test_read_sizes();
	test_read_refuses();
	test_read_pipe();
	test_publish();
	test_mkdirs();
	if (as_root("directories that nobody may enter"))
		test_remove_tree();
	test_temp_name();
	test_normalise();
	test_resolve();
	test_path_text();
	test_roots();
	test_reach();
	test_digest();
	test_digest_pieces();
	test_run();
	test_run_fails();
	test_run_output();
	MUST(chdir("/") == 0 && file_remove_tree(AT_FDCWD, scratch, &err) == 0);
	return test_end();
}
