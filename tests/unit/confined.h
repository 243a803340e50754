/* Attacks by a parser that has been taken over, for the tests of those that confine parsers. The tests are built without
 * sanitizers, which need system calls that a parser may not make. */
#pragma once

#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* An attack returns if it was let through. fd is the descriptor that the parser was handed. */
typedef void attack_fn(int fd);
static char outside[PATH_MAX]; /* a directory that nobody may write to */
static char victim[PATH_MAX];  /* a file in it */
static pid_t parent;

static void open_file(int fd)
{
	(void)fd;
	open("/etc/passwd", O_RDONLY);
}

static void open_beside(int fd)
{
	openat(fd, "../x", O_RDONLY);
}

static void create_file(int fd)
{
	(void)fd;
	open(outside, O_WRONLY | O_CREAT, 0666);
}

static void stat_name(int fd)
{
	struct stat st;

	(void)fd;
	stat("/etc/shadow", &st);
}

static void change_names(int fd)
{
	(void)fd;
	rename(victim, outside);
}

static void remove_name(int fd)
{
	(void)fd;
	unlink(victim);
}

static void change_modes(int fd)
{
	fchmod(fd, 04755);
}

static void cut(int fd)
{
	ftruncate(fd, 0);
}

static void write_elsewhere(int fd)
{
	(void)!write(fd, "x", 1);
}

static void close_output(int fd)
{
	(void)fd;
	close(1);
	for (;;)
		;
}

static void copy_descriptor(int fd)
{
	dup(fd);
}

static void fork_child(int fd)
{
	(void)fd;
	fork();
}

static void start_thread(int fd)
{
	(void)fd;
	syscall(SYS_clone3, NULL, 0);
}

static void run_program(int fd)
{
	(void)fd;
	execl("/bin/true", "true", (char *)NULL);
}

static void connect_out(int fd)
{
	(void)fd;
	socket(AF_INET, SOCK_STREAM, 0);
}

static void connect_local(int fd)
{
	(void)fd;
	socket(AF_UNIX, SOCK_STREAM, 0);
}

static void send_descriptor(int fd)
{
	struct msghdr m = {0};

	sendmsg(fd, &m, 0);
}

static void trace_parent(int fd)
{
	(void)fd;
	ptrace(PTRACE_ATTACH, parent, NULL, NULL);
}

static void read_parent(int fd)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {(void *)&parent, 1};

	(void)fd;
	process_vm_readv(parent, &here, 1, &there, 1, 0);
}

static void kill_parent(int fd)
{
	(void)fd;
	kill(parent, SIGTERM);
}

static void become_root(int fd)
{
	(void)fd;
	setuid(0);
}

static void new_namespace(int fd)
{
	(void)fd;
	unshare(CLONE_NEWUSER);
}

static void mount_something(int fd)
{
	(void)fd;
	mount("none", "/mnt", "tmpfs", 0, NULL);
}

static void run_bytes(int fd)
{
	(void)fd;
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_executable(int fd)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)fd;
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void type_for_us(int fd)
{
	ioctl(fd, TIOCSTI, "x");
}

static void share_memory(int fd)
{
	(void)fd;
	shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
}

static void create_memory_file(int fd)
{
	(void)fd;
	memfd_create("x", 0);
}

static void kernel_rings(int fd)
{
	(void)fd;
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void kernel_programs(int fd)
{
	(void)fd;
	syscall(SYS_bpf, 0, NULL, 0);
}

static void kernel_keys(int fd)
{
	(void)fd;
	syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}

static void fault_handler(int fd)
{
	(void)fd;
	syscall(SYS_userfaultfd, 0);
}

static void lift_limits(int fd)
{
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	(void)fd;
	setrlimit(RLIMIT_AS, &none);
}

static void undo(int fd)
{
	(void)fd;
	prctl(PR_SET_DUMPABLE, 1);
}

#ifdef __x86_64__
/* The numbers of other architectures, which a filter for one does not know. */
static void call_i386(int fd)
{
	long r = 5; /* open */

	(void)fd;
	__asm__ volatile("int $0x80" : "+a"(r) : "b"(0), "c"(0), "d"(0) : "memory");
}

/* Without a filter the call fails; a machine that runs no code of i386 kills the caller. */
static bool runs_i386(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		call_i386(0);
		_exit(0);
	}
	MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status);
}

static void call_x32(int fd)
{
	(void)fd;
	syscall(0x40000000 | SYS_open, "/etc/passwd", O_RDONLY);
}
#endif

struct attack {
	const char *name;
	attack_fn *fn;
	const char *said; /* a part of the error */
};
#define KILLED "signal 31" /* SIGSYS: by the filter */

static const struct attack forbidden[] = {
	{"open a file", open_file, KILLED},
	{"open beside what was handed in", open_beside, KILLED},
	{"create a file", create_file, KILLED},
	{"stat by name", stat_name, KILLED},
	{"rename", change_names, KILLED},
	{"unlink", remove_name, KILLED},
	{"chmod what was handed in", change_modes, KILLED},
	{"truncate what was handed in", cut, KILLED},
	{"write to what was handed in", write_elsewhere, KILLED},
	{"close the output", close_output, KILLED},
	{"dup", copy_descriptor, KILLED},
	{"fork", fork_child, KILLED},
	{"clone3", start_thread, KILLED},
	{"exec", run_program, KILLED},
	{"an internet socket", connect_out, KILLED},
	{"a local socket", connect_local, KILLED},
	{"send a descriptor", send_descriptor, KILLED},
	{"ptrace", trace_parent, KILLED},
	{"read another's memory", read_parent, KILLED},
	{"kill the parent", kill_parent, KILLED},
	{"setuid", become_root, KILLED},
	{"unshare", new_namespace, KILLED},
	{"mount", mount_something, KILLED},
	{"map executable memory", run_bytes, KILLED},
	{"make memory executable", make_executable, KILLED},
	{"ioctl", type_for_us, KILLED},
	{"shared memory", share_memory, KILLED},
	{"memfd_create", create_memory_file, KILLED},
	{"io_uring", kernel_rings, KILLED},
	{"bpf", kernel_programs, KILLED},
	{"keyctl", kernel_keys, KILLED},
	{"userfaultfd", fault_handler, KILLED},
	{"lift the limits", lift_limits, KILLED},
	{"prctl", undo, KILLED},
#ifdef __x86_64__
	{"a call of i386", call_i386, KILLED},
	{"a call of x32", call_x32, KILLED},
#endif
};

#define FORBIDDEN (sizeof forbidden / sizeof *forbidden)

/* Counts an attack as skipped that means nothing on this machine. */
static inline bool cannot_try(const struct attack *a)
{
#ifdef __x86_64__
	if (a->fn == call_i386 && !runs_i386()) {
		SKIP(a->name, "this machine runs no code of i386");
		return true;
	}
#endif
	(void)a;
	return false;
}

static void loop(int fd)
{
	(void)fd;
	for (;;)
		;
}
