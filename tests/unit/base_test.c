/* Errors, files, paths, digests, running programs. */
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/path.h"
#include "base/run.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err err;
static char dir[] = "/tmp/base_test.XXXXXX";

static void errors(void)
{
	char longer[2 * ERR_TEXT_MAX];

	CHECK(err_set(&err, EINVAL, "no %s", "good") == -EINVAL);
	CHECK(err_wrap(&err, -EINVAL, "cannot %d", 7) == -EINVAL);
	CHECK_STR(err.text, "cannot 7: no good");
	CHECK(err_sys(&err, ENOENT, "x") == -ENOENT);
	CHECK_STR(err.text, "x: No such file or directory");
	memset(longer, 'a', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	err_set(&err, EIO, "%s", longer);
	err_wrap(&err, -EIO, "%s", longer);
	CHECK(strlen(err.text) == ERR_TEXT_MAX - 1);
}

static void digests(void)
{
	static const char abc[] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	struct digest d, e;
	char hex[DIGEST_HEX], path[PATH_MAX];
	AUTO_FD int fd = -1;

	CHECK(digest_data("abc", 3, &d, &err) == 0); /* FIPS 180-4's own example */
	digest_hex(&d, hex);
	CHECK_STR(hex, abc);
	CHECK(digest_parse(abc, &e) && digest_equal(&d, &e));
	CHECK(!digest_parse("ba78", &e) && !digest_parse("", &e));
	hex[0] = 'B';
	CHECK(!digest_parse(hex, &e));
	snprintf(path, sizeof path, "%s/abc", dir);
	CHECK(file_publish(AT_FDCWD, path, "abc", 3, 0600, &err) == 0);
	fd = open(path, O_RDONLY);
	CHECK(lseek(fd, 2, SEEK_SET) == 2 && digest_fd(fd, &e, &err) == 0 && digest_equal(&d, &e));
	CHECK(lseek(fd, 0, SEEK_CUR) == 2);
}

static void reading(void)
{
	char path[PATH_MAX], *data = NULL;
	size_t len = 0;
	struct stat st;
	int pipes[2];

	snprintf(path, sizeof path, "%s/file", dir);
	umask(077);
	CHECK(file_publish(AT_FDCWD, path, "one", 3, 0644, &err) == 0);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0644);
	CHECK(file_publish(AT_FDCWD, path, "another", 7, 0644, &err) == 0);
	CHECK(file_read_at(AT_FDCWD, path, 7, &data, &len, &err) == 0 && len == 7);
	CHECK_STR(data, "another");
	free(data);
	CHECK(file_read_at(AT_FDCWD, path, 6, &data, &len, &err) == -EFBIG);
	CHECK(file_read_at(AT_FDCWD, dir, 6, &data, &len, &err) == -EINVAL);
	CHECK(file_read_at(AT_FDCWD, "/nowhere", 6, &data, &len, &err) == -ENOENT);
	CHECK(strstr(err.text, "/nowhere"));
	CHECK(pipe(pipes) == 0 && write(pipes[1], "pipe", 4) == 4 && close(pipes[1]) == 0);
	CHECK(file_read(pipes[0], 100, &data, &len, &err) == 0 && len == 4);
	free(data);
	close(pipes[0]);
	snprintf(path, sizeof path, "%s/fifo", dir);
	CHECK(mkfifo(path, 0600) == 0); /* must not wait for a writer */
	CHECK(file_read_at(AT_FDCWD, path, 6, &data, &len, &err) == -EINVAL);
	snprintf(path, sizeof path, "%s/no/where", dir);
	CHECK(file_publish(AT_FDCWD, path, "x", 1, 0644, &err) == -ENOENT);
}

static void trees(void)
{
	char path[PATH_MAX], outside[PATH_MAX];
	struct stat st;

	snprintf(outside, sizeof outside, "%s/outside", dir);
	CHECK(file_publish(AT_FDCWD, outside, "kept", 4, 0644, &err) == 0);
	snprintf(path, sizeof path, "%s/tree/a/b/c", dir);
	CHECK(file_mkdirs(path, &err) == 0 && stat(path, &st) == 0 && (st.st_mode & 0777) == 0755);
	CHECK(file_mkdirs(path, &err) == 0);
	snprintf(path, sizeof path, "%s/tree/a/link", dir);
	CHECK(symlink("../../outside", path) == 0);
	snprintf(path, sizeof path, "%s/tree/a/up", dir);
	CHECK(symlink("../..", path) == 0);
	snprintf(path, sizeof path, "%s/tree", dir);
	CHECK(file_remove_tree(AT_FDCWD, path, &err) == 0 && access(path, F_OK) < 0);
	CHECK(file_remove_tree(AT_FDCWD, path, &err) == 0);
	CHECK(access(outside, F_OK) == 0);
	snprintf(path, sizeof path, "%s/outside/x", dir);
	CHECK(file_mkdirs(path, &err) < 0);
}

static const char *normal(const char *path)
{
	static char out[PATH_MAX];

	return path_normalise(path, out, &err) == 0 ? out : "refused";
}

static void path_texts(void)
{
	char out[PATH_MAX], longer[2 * PATH_MAX];

	CHECK_STR(normal("/usr//lib/./x/../y/"), "/usr/lib/y");
	CHECK_STR(normal("/"), "/");
	CHECK_STR(normal("/a/.."), "/");
	CHECK_STR(normal("/.."), "refused");
	CHECK_STR(normal("/a/../../b"), "refused");
	CHECK_STR(normal("a/b"), "refused");
	CHECK_STR(normal("/a\nb"), "refused");
	memset(longer, 'a', sizeof longer);
	longer[0] = '/';
	longer[sizeof longer - 1] = '\0';
	CHECK_STR(normal(longer), "refused");
	for (size_t i = 0; i < sizeof longer - 1; i += 2)
		longer[i] = '/';
	CHECK_STR(normal(longer), "refused");
	CHECK(path_below("/usr/lib", "/usr") && path_below("/usr", "/usr") &&
	      path_below("/x", "/"));
	CHECK(!path_below("/usr-local", "/usr") && !path_below("/us", "/usr"));
	CHECK_STR(path_base("/usr/bin/x"), "x");
	path_dir("/usr/bin/x", out);
	CHECK_STR(out, "/usr/bin");
	path_dir("/x", out);
	CHECK_STR(out, "/");
}

static void live_paths(void)
{
	char path[PATH_MAX], want[PATH_MAX], out[PATH_MAX];
	size_t existing = 0;

	snprintf(path, sizeof path, "%s/real/sub", dir);
	CHECK(file_mkdirs(path, &err) == 0);
	snprintf(path, sizeof path, "%s/alias", dir);
	CHECK(symlink("real", path) == 0);
	snprintf(path, sizeof path, "%s/alias/sub/new/dir", dir);
	snprintf(want, sizeof want, "%s/real/sub/new/dir", dir);
	CHECK(path_resolve(path, out, &existing, &err) == 0);
	CHECK_STR(out, want);
	CHECK(existing == strlen(want) - strlen("/new/dir"));
	CHECK(path_resolve("/nowhere/at/all", out, &existing, &err) == 0 && existing == 1);
	CHECK_STR(out, "/nowhere/at/all");
	snprintf(path, sizeof path, "%s/real", dir);
	CHECK(!path_is_roots(path, &err) && strstr(err.text, "/tmp"));
	CHECK(path_is_roots("/usr/bin", &err));
}

static void programs(void)
{
	AUTO_FREE char *out = NULL;

	CHECK(run_read((const char *[]){"echo", "a", "b", NULL}, NULL, 100, &out, &err) == 0);
	CHECK_STR(out, "a b\n");
	CHECK(run_read((const char *[]){"sh", "-c", "echo why >&2; exit 3", NULL}, NULL, 100, NULL,
		       &err) == 3);
	CHECK_STR(err.text, "why");
	CHECK(run_read((const char *[]){"no-such-program", NULL}, NULL, 100, NULL, &err) < 0);
	CHECK(run_read((const char *[]){"sh", "-c", "kill -9 $$", NULL}, NULL, 100, NULL, &err) <
	      0);
	CHECK(run_read((const char *[]){"yes", NULL}, NULL, 1000, NULL, &err) == -EFBIG);
	CHECK(run_read((const char *[]){"cat", NULL}, NULL, 100, NULL, &err) == 0); /* no input */
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	errors();
	digests();
	reading();
	trees();
	path_texts();
	live_paths();
	programs();
	CHECK(file_remove_tree(AT_FDCWD, dir, &err) == 0);
	return test_end();
}
