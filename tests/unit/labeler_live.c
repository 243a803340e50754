/* Views in use: processes in their own mount namespaces, with an overlay like a view's. */
#include "labeler/live.h"

#include "base/paths.h"
#include "tests/unit/child.h"
#include "tests/unit/loader_help.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define LABEL "TEST-labeler-live"

/* An overlay of two lower layers, as a view has. */
static bool lay(const char *source)
{
	char options[2 * PATH_MAX];

	snprintf(options, sizeof options, "lowerdir=%s:%s", in("a"), in("b"));
	return mount(source, in("at"), "overlay", MS_RDONLY, options) == 0;
}

static bool enter(const char *source)
{
	return private_mounts() && lay(source);
}

/* How often live_labels returns the label; -1 after an error. */
static int lives(const char *label)
{
	AUTO_LIVE struct live live = {0};
	int n = 0, r = live_labels(&live, &err);

	for (size_t i = 0; i < live.count; i++)
		n += strcmp(live.labels[i].label, label) == 0;
	return r < 0 ? -1 : n;
}

static void in_view(void)
{
	MUST(live_in_view(&err) == 0);
	MUST(enter(PINLIB_SOURCE LABEL));
	MUST(live_in_view(&err) == 1);
}

static void test_found(void)
{
	pid_t one, two;

	CHECK(lives(LABEL) == 0);
	one = start(in_view);
	CHECK(lives(LABEL) == 1);
	two = start(in_view);
	CHECK(lives(LABEL) == 1); /* each once */
	stop(one);
	CHECK(lives(LABEL) == 1);
	stop(two);
	CHECK(lives(LABEL) == 0);
	CHECK(live_in_view(&err) == 0);
}

static void strange_label(void)
{
	MUST(enter(PINLIB_SOURCE "a b\\\n:c"));
}

static void other_source(void)
{
	MUST(enter("other:" LABEL));
	MUST(mount(PINLIB_SOURCE LABEL, in("a"), "tmpfs", 0, NULL) == 0);
	MUST(live_in_view(&err) == 0);
}

static void test_names(void)
{
	pid_t pid = start(strange_label);

	CHECK(lives("a b\\\n:c") == 1);
	stop(pid);
	pid = start(other_source);
	CHECK(lives(LABEL) == 0);
	stop(pid);
}

/* And with a parent that may have ended before it is asked about. */
static void die_with(pid_t parent)
{
	MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	if (getppid() != parent)
		_exit(0);
}

/* A process's table has only the mounts below its root directory: the table of a process in a chroot must not be used
 * for another process of the same namespace, which has a higher number and is read later. */
static void shut_in(void)
{
	pid_t self = getpid(), other;

	in_view();
	other = fork();
	MUST(other >= 0);
	if (other == 0) {
		die_with(self);
		for (;;)
			pause();
	}
	MUST(chroot(in("b")) == 0 && chdir("/") == 0);
}

static void test_shut_in(void)
{
	pid_t pid = start(shut_in);

	CHECK(lives(LABEL) == 1);
	stop(pid);
	/* The other process dies with it, but is not our child. */
	for (int i = 0; i < 500 && lives(LABEL) != 0; i++)
		usleep(10000);
	CHECK(lives(LABEL) == 0);
}

static void *stay(void *ignored)
{
	for (;;)
		pause();
	return ignored;
}

static int ready_pipe[2];

static void test_first_thread_gone(void)
{
	pid_t pid;
	char byte;

	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		pthread_t thread;

		in_view();
		MUST(pthread_create(&thread, NULL, stay, NULL) == 0);
		MUST(write(ready_pipe[1], "", 1) == 1);
		pthread_exit(NULL);
	}
	MUST(read(ready_pipe[0], &byte, 1) == 1);
	usleep(100000);
	CHECK(lives(LABEL) == 1);
	stop(pid);
}

static void *own_namespace(void *ignored)
{
	MUST(enter(PINLIB_SOURCE LABEL));
	MUST(write(ready_pipe[1], "", 1) == 1);
	return stay(ignored);
}

static void one_thread_of_two(void)
{
	pthread_t thread;
	char byte;

	MUST(pthread_create(&thread, NULL, own_namespace, NULL) == 0);
	MUST(read(ready_pipe[0], &byte, 1) == 1);
}

static void test_thread(void)
{
	pid_t pid = start(one_thread_of_two);

	CHECK(lives(LABEL) == 1);
	stop(pid);
}

/* Processes that start and end meanwhile are no error. */
static void breed(void)
{
	pid_t self = getpid(), pid = fork();

	MUST(pid >= 0);
	if (pid != 0)
		return;
	die_with(self);
	for (;;) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

static void test_coming_and_going(void)
{
	pid_t view = start(in_view), breeder = start(breed);
	int right = 0;

	for (int i = 0; i < 200; i++)
		right += lives(LABEL) == 1;
	CHECK(right == 200);
	stop(breeder);
	stop(view);
}

static void test_zombie(void)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0)
		_exit(0);
	MUST(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT) == 0);
	CHECK(lives(LABEL) == 0);
	MUST(waitpid(pid, NULL, 0) == pid);
}

/* The answer of a child without rights: how often the label is in use, or -errno. */
static int lives_for_nobody(void)
{
	AUTO_LIVE struct live live = {0};
	int r, n = 0;

	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	r = live_labels(&live, &err);
	for (size_t i = 0; i < live.count; i++)
		n += strcmp(live.labels[i].label, LABEL) == 0;
	return r < 0 ? r : n;
}

/* The same with a /proc that has that mount option. */
static int lives_under(const char *option)
{
	int status;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0) {
		MUST(private_mounts());
		MUST(mount("proc", "/proc", "proc", 0, option) == 0);
		_exit(-lives_for_nobody() & 0xff);
	}
	MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return -(int8_t)WEXITSTATUS(status);
}

/* A caller that may not read the tables must not conclude that no view is in use. */
static void test_not_root(void)
{
	pid_t view = start(in_view);

	CHECK(lives_under("hidepid=0") == 1);
	CHECK(lives_under("hidepid=1") == -EPERM);
	CHECK(lives_under("hidepid=2") == -EACCES);
	stop(view);
}

/* Nor must a caller whose /proc is empty. */
static void test_no_proc(void)
{
	int status;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0) {
		MUST(private_mounts());
		MUST(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
		_exit(lives(LABEL) == -1 ? 0 : 1);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

int main(void)
{
	if (!has_private_mounts("mount namespaces"))
		return test_end();
	scratch_make();
	sh("mkdir a b at");
	MUST(pipe2(ready_pipe, O_CLOEXEC) == 0);
	test_found();
	test_names();
	test_shut_in();
	test_thread();
	test_first_thread_gone();
	test_coming_and_going();
	test_zombie();
	test_not_root();
	test_no_proc();
	scratch_remove();
	return test_end();
}
