/* Processes that map objects: which paths are objects, the limits, and the end of a deleted program. */
#include "labeler/objects.h"

#include "base/paths.h"
#include "plan/format.h"
#include "tests/unit/child.h"
#include "tests/unit/scratch.h"

#include <sys/mman.h>

#define OBJECTS PINLIB_STORE "/objects"
#define HEX62 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"
#define LAYER_A "00128b31c175b5ac5462cbea13ad25e7"
#define LAYER_B "ff128b31c175b5ac5462cbea13ad25e7"

static void test_paths(void)
{
	struct digest d;

	CHECK(object_of_path(OBJECTS "/ab/" HEX62, &d) && d.bytes[0] == 0xab && d.bytes[1] == 0 &&
	      d.bytes[31] == 0xee);
	CHECK(object_of_path("7f00-7f80 r--p 0 fd:01 42   /srv/root" OBJECTS "/ab/" HEX62, &d));
	CHECK(!object_of_path("", &d));
	CHECK(!object_of_path(OBJECTS "/ab/" HEX62 "0", &d));
	CHECK(!object_of_path(OBJECTS "/ab/A" HEX62, &d));
	CHECK(!object_of_path(OBJECTS "/aB/" HEX62, &d));
	CHECK(!object_of_path(OBJECTS "/a/b" HEX62, &d));
	CHECK(!object_of_path("/var/lib/other/objects/ab/" HEX62, &d));
	CHECK(!object_of_path("/ab/" HEX62, &d));
}

static int files; /* that a child maps */

static void name_object(int number, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s" OBJECTS "/%02x/%062x", scratch, number % 2, number);
}

/* Two lines for each, and the last file once more; then the files are gone. */
static void map_files(void)
{
	char path[PATH_MAX];

	for (int i = 0; files && i <= files; i++) {
		AUTO_FD int fd = -1;

		name_object(i < files ? files - i : 1, path);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		MUST(fd >= 0 && ftruncate(fd, 8192) == 0);
		MUST(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
		MUST(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096) != MAP_FAILED);
	}
	for (int i = 0; i < files; i++) {
		name_object(files - i, path);
		unlink(path);
	}
}

static void test_maps(int count, size_t found, bool cut)
{
	const struct whos silent = {0};
	AUTO_OBJECT_USERS struct object_users users = {0};
	pid_t pid;

	files = count;
	pid = start(map_files);
	MUST(object_users_read(pid, &silent, &users, &err) == 0);
	CHECK(users.count == (found > 0) && users.hidden == 0 && users.silent.count == 0);
	for (size_t i = 0; i < users.count; i++) {
		const struct object_user *u = &users.items[i];

		CHECK(u->who.pid == pid && u->objects.count == found && u->cut == cut);
		CHECK(!u->deleted && !u->app && u->sets.count == 0);
		for (size_t k = 1; k < u->objects.count; k++)
			MUST(digest_compare(&u->objects.items[k - 1], &u->objects.items[k]) < 0);
	}
	stop(pid);
}

static void test_silent(void)
{
	struct who who = {.pid = getpid()};
	AUTO_OBJECT_USERS struct object_users users = {0};

	CHECK(object_users_read(getpid(), &(struct whos){&who, 1}, &users, &err) == 0 &&
	      users.count == 0);
}

/* -- the end of a program -- */

static void append(const char *path, const char *text, size_t len)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	MUST(fd >= 0 && write(fd, text, len) == (ssize_t)len);
}

static void copy_program(const char *path)
{
	AUTO_FD int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	AUTO_FREE char *data = NULL;
	size_t len = 0;

	data = get_file("/usr/bin/sleep", &len);
	MUST(to >= 0 && data && write(to, data, len) == (ssize_t)len);
}

static pid_t execute(const char *path)
{
	pid_t pid = fork();
	char exe[64], now[PATH_MAX] = "";

	MUST(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, path, "600", NULL);
		_exit(1);
	}
	snprintf(exe, sizeof exe, "/proc/%d/exe", pid);
	for (int i = 0; i < 1000 && strcmp(now, path) != 0; i++) {
		usleep(1000);
		memset(now, 0, sizeof now);
		MUST(readlink(exe, now, sizeof now - 1) > 0);
	}
	return pid;
}

static struct object_user last;

static int take(void *ctx, struct object_user *user, struct err *why)
{
	(void)why;
	(*(int *)ctx)++;
	last = *user;
	*user = (struct object_user){0};
	return 0;
}

/* How many users there are after the program with that end was deleted. */
static int ask_program(const char *end, size_t len)
{
	const char *path = in("program");
	struct unread unread = {0};
	int n = 0;
	pid_t pid;

	object_user_free(&last);
	copy_program(path);
	append(path, end, len);
	pid = execute(path);
	MUST(unlink(path) == 0);
	MUST(object_users_each(&(struct pids){&pid, 1}, take, &n, &unread, &err) == 0);
	CHECK(unread.hidden == 0 && unread.silent.count == 0);
	stop(pid);
	return n;
}
#define ask_end(end) ask_program(end, sizeof(end))

static void test_programs(void)
{
	CHECK(ask_end("\0" PINLIB_LAYERS "/" LAYER_A "/0/libz.so.1\0libc.so.6\0" PINLIB_LAYERS
		      "/" LAYER_B "/0:/opt\0" PINLIB_LAYERS "/" LAYER_A "/0\0" SEALED_MARK
		      "/opt/x") == 1);
	CHECK_STR(last.app, "/opt/x");
	CHECK(last.deleted && last.objects.count == 0 && last.sets.count == 2);
	CHECK(strings_have(&last.sets, LAYER_A) && strings_have(&last.sets, LAYER_B));
	CHECK_STR(last.who.program, in("program"));
	CHECK(ask_end("\0" PINLIB_LAYERS "/" LAYER_A "/0\0" SEALED_MARK) == 1);
	CHECK_STR(last.app, "");
	CHECK(ask_end("\0" PINLIB_LAYERS "/" LAYER_A "/0") == 0); /* no mark */
	CHECK(ask_end("\0" PINLIB_LAYERS "/" LAYER_A "\0" SEALED_MARK "/opt/x") == 0);
	CHECK(ask_end("\0" PINLIB_LAYERS "/../" LAYER_A "/0\0" SEALED_MARK "/opt/x") == 0);
	CHECK(ask_program("\0" SEALED_MARK "/" PINLIB_LAYERS "/" LAYER_A "/0",
			  sizeof SEALED_MARK + 8) == 0);
	CHECK(ask_end("\0" SEALED_MARK PINLIB_LAYERS "/") == 0); /* the name is cut */
	object_user_free(&last);
}

int main(void)
{
	scratch_new();
	test_paths();
	MUST(file_mkdirs(in(OBJECTS "/00"), &err) == 0 &&
	     file_mkdirs(in(OBJECTS "/01"), &err) == 0);
	test_maps(0, 0, false);
	test_maps(3, 3, false);
	test_maps(OBJECTS_MAX, OBJECTS_MAX, false);
	test_maps(OBJECTS_MAX + 1, OBJECTS_MAX, true);
	test_maps(2 * OBJECTS_MAX + 1, OBJECTS_MAX, true);
	test_silent();
	test_programs();
	scratch_remove();
	return test_end();
}
