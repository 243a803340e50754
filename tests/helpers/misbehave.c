/* In a loader's place (tests/unit/view_proof.c): tries actions that a loader
 * never needs, and prints each result as a loader would: "NAME => /RESULT". OPEN is a directory that everybody may
 * write to, with a file "old". */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *name, const char *what)
{
	printf("\t%s => /%s (0x1)\n", name, what);
	fflush(stdout);
}

static void say_number(const char *name, long n)
{
	char text[32];

	snprintf(text, sizeof text, "%ld", n);
	say(name, text);
}

static void try(const char *name, long result)
{
	say(name, result == -1 ? strerrorname_np(errno) : "let through");
}

/* The identity of the process. */
static void status(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if ((strncmp(line, "Cap", 3) == 0 && strncmp(line, "CapBnd", 6) != 0) ||
		    strncmp(line, "NoNewPrivs", 10) == 0) {
			const char *name = strtok(line, "\t");

			say(name, strtok(NULL, "\t\n"));
		}
}

static void devices(void)
{
	FILE *f = fopen("/proc/net/dev", "r");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof line, f))
		n += strchr(line, ':') && !strstr(line, "lo:") && strstr(line, "eth");
	say_number("devices", n);
}

static void look(void)
{
	char cwd[256];

	try("fd 3", fcntl(3, F_GETFD));
	say_number("uid", getuid());
	say_number("euid", geteuid());
	say_number("gid", getgid());
	say_number("groups", getgroups(0, NULL));
	status();
	say_number("pid", getpid());
	devices();
	say_number("variables", environ[0] != NULL);
	say("cwd", getcwd(cwd, sizeof cwd) ? cwd : "none");
}

static void change_files(void)
{
	try("create", open(OPEN "/new", O_CREAT | O_WRONLY, 0600));
	try("write", open(OPEN "/old", O_WRONLY));
	try("unlink", unlink(OPEN "/old"));
	try("mkdir", mkdir(OPEN "/dir", 0700));
}

static void call_kernel(void)
{
	int pair[2];

	try("fork", fork());
	try("vfork", syscall(SYS_vfork));
	try("clone3", syscall(SYS_clone3, 0, 0));
	try("internet", socket(AF_INET, SOCK_STREAM, 0));
	try("unix", socket(AF_UNIX, SOCK_STREAM, 0));
	try("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	try("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
	try("unshare", unshare(CLONE_NEWUSER));
	try("bpf", syscall(SYS_bpf, 0, 0, 0));
	try("perf", syscall(SYS_perf_event_open, 0, 0, 0, 0, 0));
	try("userfaultfd", syscall(SYS_userfaultfd, 1));
	try("io_uring", syscall(SYS_io_uring_setup, 1, 0));
	try("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	try("memfd", syscall(SYS_memfd_create, "x", 0));
}

/* Address space only: no page is touched. */
static void take_memory(void)
{
	int type = MAP_ANONYMOUS | MAP_NORESERVE, may = PROT_READ | PROT_WRITE;

	try("5 GiB of data", (long)mmap(NULL, 5ul << 30, may, MAP_PRIVATE | type, -1, 0));
	try("17 GiB shared", (long)mmap(NULL, 17ul << 30, may, MAP_SHARED | type, -1, 0));
}

static void no_i386(int number)
{
	(void)number;
	say("i386's socket", "none"); /* this machine has no such calls at all */
	exit(0);
}

static void call_as_i386(void)
{
#ifdef __x86_64__
	long r = 359; /* socket */

	signal(SIGSEGV, no_i386);
	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"((long)AF_UNIX), "c"((long)SOCK_STREAM), "d"(0L)
			 : "memory");
	say("i386's socket", r < 0 ? strerrorname_np((int)-r) : "let through");
#else
	no_i386(0);
#endif
}

int main(int argc, char **argv)
{
	(void)argc, (void)argv;
#if defined QUIET
	return 0;
#elif defined CRASH
	*(volatile char *)16 = 0;
#elif defined SLEEP
	sleep(100);
#elif defined LOOP
	for (;;)
		;
#elif defined TALK
	for (;;)
		puts("more and more and more");
#endif
	look();
	change_files();
	call_kernel();
	take_memory();
	call_as_i386();
	return 0;
}
