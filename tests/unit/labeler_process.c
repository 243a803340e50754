/* Processes in views: their libraries, the trust in their labels, and processes that lie. */
#include "labeler/process.h"

#include "base/paths.h"
#include "tests/unit/child.h"
#include "tests/unit/loader_help.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define LABEL "00128b31c175b5ac5462cbea13ad25e7:1:/usr/bin/demo"
#define MAP "7f00-7f80 r--p 00000000 fd:01 42                     "

/* -- lines of maps -- */

static bool parse(const char *text, struct mapping *out)
{
	static char line[512];

	snprintf(line, sizeof line, "%s", text);
	return mapping_parse(line, out);
}

static void test_lines(void)
{
	struct mapping m;

	CHECK(parse(MAP "/usr/lib/libz.so.1\n", &m));
	CHECK_STR(m.path, "/usr/lib/libz.so.1");
	CHECK(m.start == 0x7f00 && m.end == 0x7f80 && m.ino == 42 && !m.deleted);
	CHECK(m.dev == makedev(0xfd, 1));
	CHECK(parse(MAP "/usr/lib/libz.so.1 (deleted)\n", &m) && m.deleted);
	CHECK_STR(m.path, "/usr/lib/libz.so.1");
	CHECK(parse(MAP "/a (deleted)/libz.so.1\n", &m) && !m.deleted);
	CHECK_STR(m.path, "/a (deleted)/libz.so.1");
	CHECK(parse(MAP "/x.so (deleted) (deleted)\n", &m) && m.deleted);
	CHECK_STR(m.path, "/x.so (deleted)");
	CHECK(parse(MAP "/ two  blanks \\012 \x1b[31m.so\n", &m));
	CHECK_STR(m.path, "/ two  blanks \\012 \x1b[31m.so");
	CHECK(parse("ffffffffff600000-ffffffffff601000 rwxs fffffffffffff000 fffff:fffff "
		    "18446744073709551615 /x",
		    &m));
	CHECK(m.ino == UINT64_MAX);
}

static void test_lines_of_no_file(void)
{
	static const char *const lines[] = {
		"",
		"\n",
		"/usr/lib/libz.so.1",
		"7f00-7f80 r--p 00000000 00:00 0\n",
		"7f00-7f80 r--p 00000000 00:00 0                          [heap]\n",
		"7f00-7f80 rw-p 00000000 00:00 0                          [anon: /lib/x.so]\n",
		"7f00-7f80 rw-p 00000000 00:0e 77                         anon_inode:/x.so\n",
		"7f00-7f80 r--p 00000000 fd:01\n",
		"7f00 r--p 00000000 fd:01 42 /x.so\n",
		" (deleted)",
	};
	struct mapping m;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		CHECK(!parse(lines[i], &m));
}

static void test_names(void)
{
	CHECK(mapping_is_library("/usr/lib/libz.so"));
	CHECK(mapping_is_library("/usr/lib/libz.so.1.2"));
	CHECK(mapping_is_library("/usr/lib/libicudata-72.so"));
	CHECK(mapping_is_library("/x/mod.sorted.so.1"));
	CHECK(!mapping_is_library("/usr/lib.so.d/libz"));
	CHECK(!mapping_is_library("/usr/bin/some.sort"));
	CHECK(!mapping_is_library("/usr/lib/locale/C.utf8/LC_CTYPE"));
	CHECK(!mapping_is_library("/memfd:x"));
}

/* -- processes in a view -- */

static const char *to_map; /* the file that the next process maps, NULL: none */

static void lay(const char *source, const char *options)
{
	char all[4 * PATH_MAX];

	snprintf(all, sizeof all, "lowerdir=%s:%s%s", in("layer"), in("live"), options);
	MUST(mount(source, in("live"), "overlay", MS_RDONLY, all) == 0);
}

static void map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	MUST(fd >= 0 && mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	close(fd);
}

static void in_view(void)
{
	MUST(private_mounts());
	lay(PINLIB_SOURCE LABEL, ",xino=off");
	if (to_map)
		map(to_map);
}

/* The library with that base name. */
static const struct library *library(const struct process *p, const char *name)
{
	for (size_t i = 0; i < p->libs.count; i++)
		if (strcmp(strrchr(p->libs.items[i].path, '/') + 1, name) == 0)
			return &p->libs.items[i];
	return NULL;
}

/* Describes the library as processes_read_one does: "pinned" and so on; "not mapped" if there is none. */
static const char *look(pid_t pid, const char *name)
{
	AUTO_PROCESSES struct processes found = {0};
	const struct library *lib;

	if (processes_read_one(pid, &found, &err) < 0)
		return err.text;
	if (found.count != 1 || strcmp(found.items[0].label, LABEL) != 0)
		return "not one label";
	lib = library(&found.items[0], name);
	if (!lib)
		return "not mapped";
	return lib->pinned ? (lib->stale ? "pinned, stale" : "pinned")
			   : (lib->stale ? "host, stale" : "host");
}

static pid_t start_with(const char *path)
{
	pid_t pid;

	to_map = path;
	pid = start(in_view);
	to_map = NULL;
	return pid;
}

static void fill(void)
{
	sh("rm -rf live layer; mkdir -p live/sub layer other; echo pinned >layer/libpin.so.1;"
	   "echo host >live/libpin.so.1; echo host >live/libhost.so.1; echo host >live/sub/libs.so;"
	   "echo elsewhere >other/libother.so");
}

/* Replaced as dpkg does it, below an overlay that still shows the old file. */
static void test_replaced(void)
{
	pid_t host, pin, sub, other;

	fill();
	host = start_with(in("live/libhost.so.1"));
	pin = start_with(in("live/libpin.so.1"));
	sub = start_with(in("live/sub/libs.so"));
	other = start_with(in("other/libother.so"));
	CHECK_STR(look(host, "libhost.so.1"), "host");
	CHECK_STR(look(pin, "libpin.so.1"), "pinned");
	CHECK_STR(look(sub, "libs.so"), "host");
	CHECK_STR(look(other, "libother.so"), "host");
	sh("for f in live/libhost.so.1 live/libpin.so.1 live/sub/libs.so other/libother.so; do"
	   " cp $f new && mv -f new $f; done");
	CHECK_STR(look(host, "libhost.so.1"), "host, stale");
	CHECK_STR(look(pin, "libpin.so.1"), "pinned");
	CHECK_STR(look(sub, "libs.so"), "host, stale");
	CHECK_STR(look(other, "libother.so"), "host, stale");
	stop(host);
	host = start_with(in("live/libhost.so.1"));
	CHECK_STR(look(host, "libhost.so.1"), "host");
	sh("rm live/libhost.so.1");
	CHECK_STR(look(host, "libhost.so.1"), "host, stale");
	stop(host), stop(pin), stop(sub), stop(other);
}

static void map_odd(const char *name)
{
	char path[PATH_MAX];
	pid_t pid;

	snprintf(path, sizeof path, "live/%s", name);
	fill();
	put_text(path, "odd");
	pid = start_with(in(path));
	CHECK_STR(look(pid, name), "host");
	MUST(unlink(path) == 0);
	CHECK_STR(look(pid, name), "host, stale");
	stop(pid);
}

static void test_odd_names(void)
{
	pid_t pid;

	map_odd("lib\nnew.so");
	map_odd("lib\\012.so");
	map_odd("lib\\.so");
	map_odd("lib\x1b[31m\xff (deleted) .so");
	/* First with that suffix in its name, then really deleted. */
	fill();
	put_text("other/libz.so (deleted)", "odd");
	pid = start_with(in("other/libz.so (deleted)"));
	CHECK_STR(look(pid, "libz.so (deleted)"), "host");
	MUST(unlink("other/libz.so (deleted)") == 0);
	CHECK_STR(look(pid, "libz.so"), "not mapped"); /* not by a name without its suffix */
	stop(pid);
}

/* -- processes that lie -- */

static void strange(void)
{
	in_view();
	MUST(prctl(PR_SET_NAME, ") Z 1\n\x1b[2J\xff") == 0);
}

static void test_lying_name(void)
{
	AUTO_PROCESSES struct processes found = {0};
	pid_t pid;

	fill();
	pid = start(strange);
	CHECK(processes_read_one(pid, &found, &err) == 0 && found.count == 1);
	CHECK_STR(found.items[0].who.name, ") Z 1\n\x1b[2J\xff");
	CHECK(found.items[0].who.uid == 0 && found.items[0].who.pid == pid);
	stop(pid);
}

/* The trust in the process's label; -1: no label. */
static int trust_in(pid_t pid)
{
	AUTO_PROCESSES struct processes all = {0};
	AUTO_PROCESSES struct processes one = {0};
	int trust = -1;

	if (processes_read(&all, &err) < 0 || processes_read_one(pid, &one, &err) < 0)
		return -2;
	for (size_t i = 0; i < all.count; i++)
		if (all.items[i].who.pid == pid)
			trust = (int)all.items[i].trust;
	return trust == (one.count ? (int)one.items[0].trust : -1) ? trust : -3;
}

static void become_nobody(void)
{
	MUST(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	MUST(prctl(PR_SET_DUMPABLE, 1) == 0); /* as after execve(2) */
}

static void own_user_namespace(void)
{
	become_nobody();
	MUST(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

static void forge(void)
{
	own_user_namespace();
	lay(PINLIB_SOURCE LABEL, "");
}

/* A copy of the view's mounts, as a sandbox in it has. */
static void inherit(void)
{
	in_view();
	own_user_namespace();
}

/* Starts a child and leaves its number for the test. */
static void start_noted(void (*become)(void))
{
	char number[16];

	snprintf(number, sizeof number, "%d", start(become));
	put_text(in("number"), number);
}

static pid_t noted(void)
{
	size_t len;
	AUTO_FREE char *number = get_file(in("number"), &len);

	return (pid_t)strtol(number, NULL, 10);
}

/* The same, while a process outside the user namespace is still in the view. */
static void inherit_beside(void)
{
	in_view();
	start_noted(own_user_namespace);
}

static void test_forged(void)
{
	pid_t real, forged, child;

	fill();
	real = start(in_view), forged = start(forge);
	CHECK(trust_in(real) == TRUST_YES);
	CHECK(trust_in(forged) == TRUST_NO);
	CHECK(trust_in(getpid()) == -1);
	stop(forged);
	child = start(inherit);
	CHECK(trust_in(child) == TRUST_NO);
	stop(child), stop(real);
	real = start(inherit_beside);
	child = noted();
	CHECK(child > 0 && trust_in(child) == TRUST_YES);
	stop(real);
}

static void add_own(void)
{
	own_user_namespace();
	lay(PINLIB_SOURCE "forged:1:/x", "");
	for (int i = 0; i < 2 * OVERLAYS_MAX; i++)
		MUST(mount(in("live"), in("other"), NULL, MS_BIND, NULL) == 0);
}

static void inherit_and_forge(void)
{
	in_view();
	start_noted(add_own);
}

/* A process can add any number of overlays to those that it inherited: only the added ones are doubted. */
static void test_forged_beside(void)
{
	AUTO_PROCESSES struct processes found = {0};
	pid_t pid, child;

	fill();
	pid = start(inherit_and_forge);
	child = noted();
	CHECK(processes_read_one(child, &found, &err) == 0 && found.count == 2);
	if (found.count == 2) {
		CHECK_STR(found.items[0].label, LABEL);
		CHECK(found.items[0].trust == TRUST_YES);
		CHECK_STR(found.items[1].label, "forged:1:/x");
		CHECK(found.items[1].trust == TRUST_NO);
	}
	stop(pid);
}

/* In a user namespace of its own, but with the view's mounts: trusted. */
static void user_namespace_only(void)
{
	in_view();
	become_nobody();
	MUST(unshare(CLONE_NEWUSER) == 0);
}

static void *stay(void *ready)
{
	if (ready) {
		in_view();
		MUST(write(*(int *)ready, "", 1) == 1);
	}
	for (;;)
		pause();
	return NULL;
}

static void thread_in_view(void)
{
	pthread_t thread;
	int ready[2];
	char byte;

	MUST(pipe2(ready, O_CLOEXEC) == 0);
	MUST(pthread_create(&thread, NULL, stay, &ready[1]) == 0);
	MUST(read(ready[0], &byte, 1) == 1);
}

static void first_thread_gone(void)
{
	in_view();
	map(in("live/libhost.so.1"));
}

static void chrooted(void)
{
	in_view();
	MUST(chroot(in("live")) == 0 && chdir("/") == 0);
	map("/libhost.so.1");
}

static void zombie_beside(void)
{
	siginfo_t info;
	pid_t pid;

	in_view();
	pid = fork();
	if (pid == 0)
		_exit(0);
	MUST(pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

static void test_user_namespace(void)
{
	pid_t pid;

	fill();
	pid = start(user_namespace_only);
	CHECK(trust_in(pid) == TRUST_YES);
	stop(pid);
}

static void test_kinds(void)
{
	AUTO_PROCESSES struct processes all = {0};
	pid_t pid;

	fill();
	pid = start(thread_in_view);
	CHECK(trust_in(pid) == TRUST_YES);
	stop(pid);
	pid = start(chrooted);
	CHECK_STR(look(pid, "libhost.so.1"), "host");
	sh("cp live/libhost.so.1 new && mv new live/libhost.so.1");
	CHECK_STR(look(pid, "libhost.so.1"), "host, stale");
	stop(pid);
	pid = start(zombie_beside);
	CHECK(processes_read(&all, &err) == 0 && all.count == 1 && all.items[0].who.pid == pid);
	stop(pid);
	CHECK(processes_read_one(pid, &all, &err) == -ESRCH);
}

static void test_first_thread_gone(void)
{
	pid_t pid;
	int ready[2];
	char byte;

	fill();
	MUST(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		pthread_t thread;

		first_thread_gone();
		MUST(pthread_create(&thread, NULL, stay, NULL) == 0);
		MUST(write(ready[1], "", 1) == 1);
		pthread_exit(NULL);
	}
	MUST(read(ready[0], &byte, 1) == 1);
	usleep(100000);
	CHECK_STR(look(pid, "libhost.so.1"), "host");
	stop(pid);
	close(ready[0]), close(ready[1]);
}

/* An ordinary user sees all labels, and does not know the trust in those of other users' processes. */
static void view_of_nobody(void)
{
	in_view();
	become_nobody();
}

static void test_not_root(void)
{
	pid_t roots, own, pid;
	int status;

	fill();
	roots = start(in_view), own = start(view_of_nobody);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		AUTO_PROCESSES struct processes all = {0};
		bool good;

		become_nobody();
		MUST(processes_read(&all, &err) == 0 && all.count == 2);
		good = all.items[0].who.pid == roots && all.items[0].trust == TRUST_UNKNOWN &&
		       all.items[0].libs_failed == -EACCES && !all.items[0].who.program &&
		       all.items[1].who.pid == own && all.items[1].trust == TRUST_YES &&
		       all.items[1].libs_failed == 0 && all.items[1].who.program &&
		       all.unreadable == 0 && !all.hidden;
		_exit(good ? 0 : 1);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	stop(roots), stop(own);
}

/* More namespaces than descriptors: not all are held open, but all are read. */
static void test_few_descriptors(void)
{
	AUTO_PROCESSES struct processes all = {0};
	struct rlimit old, few;
	pid_t pids[40];

	fill();
	for (size_t i = 0; i < 40; i++)
		pids[i] = start(in_view);
	MUST(getrlimit(RLIMIT_NOFILE, &old) == 0);
	few = (struct rlimit){20, old.rlim_max};
	MUST(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(processes_read(&all, &err) == 0 && all.count == 40 && all.unreadable == 0);
	MUST(setrlimit(RLIMIT_NOFILE, &old) == 0);
	for (size_t i = 0; i < 40; i++)
		stop(pids[i]);
}

static bool user_namespace(void)
{
	become_nobody();
	return unshare(CLONE_NEWUSER) == 0;
}

static void test_user_namespaces(void)
{
	int e = child_errno(user_namespace);

	if (e) {
		SKIP("user namespaces", strerror(e));
		return;
	}
	test_forged();
	test_forged_beside();
	test_user_namespace();
}

int main(void)
{
	test_lines();
	test_lines_of_no_file();
	test_names();
	if (!has_private_mounts("processes in views"))
		return test_end();
	scratch_make();
	sh("chmod 755 .");
	test_replaced();
	test_odd_names();
	test_lying_name();
	test_user_namespaces();
	test_kinds();
	test_first_thread_gone();
	test_not_root();
	test_few_descriptors();
	scratch_remove();
	return test_end();
}
