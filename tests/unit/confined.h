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

static void loop(int fd)
{
	(void)fd;
	for (;;)
		;
}

#ifdef __x86_64__
#define INTERRUPT(r) __asm__ volatile("int $0x80" : "+a"(r) : "b"(0), "c"(0), "d"(0) : "memory")
/* The numbers of other architectures, which a filter for one does not know. 5 is open. */
#define OTHER_ARCHITECTURES(X)                                                                     \
	X(call_i386, "a call of i386", long r = 5; INTERRUPT(r))                                   \
	X(call_x32, "a call of x32", syscall(0x40000000 | SYS_open, "/etc/passwd", O_RDONLY))
#else
#define OTHER_ARCHITECTURES(X)
#endif

#define MAP(protection) mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)

/* A function, its words, and the calls that it makes. */
#define FORBIDDEN_CALLS(X)                                                                         \
	X(open_file, "open a file", open("/etc/passwd", O_RDONLY))                                 \
	X(open_beside, "open beside what was handed in", openat(fd, "../x", O_RDONLY))             \
	X(create_file, "create a file", open(outside, O_WRONLY | O_CREAT, 0666))                   \
	X(stat_name, "stat by name", stat("/etc/shadow", &(struct stat){0}))                       \
	X(change_names, "rename", rename(victim, outside))                                         \
	X(remove_name, "unlink", unlink(victim))                                                   \
	X(change_modes, "chmod what was handed in", fchmod(fd, 04755))                             \
	X(cut, "truncate what was handed in", ftruncate(fd, 0))                                    \
	X(write_elsewhere, "write to what was handed in", (void)!write(fd, "x", 1))                \
	X(close_output, "close the output", close(1); loop(fd))                                    \
	X(copy_descriptor, "dup", dup(fd))                                                         \
	X(fork_child, "fork", fork())                                                              \
	X(start_thread, "clone3", syscall(SYS_clone3, NULL, 0))                                    \
	X(run_program, "exec", execl("/bin/true", "true", (char *)NULL))                           \
	X(connect_out, "an internet socket", socket(AF_INET, SOCK_STREAM, 0))                      \
	X(connect_local, "a local socket", socket(AF_UNIX, SOCK_STREAM, 0))                        \
	X(send_descriptor, "send a descriptor", sendmsg(fd, &(struct msghdr){0}, 0))               \
	X(trace_parent, "ptrace", ptrace(PTRACE_ATTACH, parent, NULL, NULL))                       \
	X(read_parent, "read another's memory", char byte; process_vm_readv(                       \
		  parent, &(struct iovec){&byte, 1}, 1, &(struct iovec){&parent, 1}, 1, 0))        \
	X(kill_parent, "kill the parent", kill(parent, SIGTERM))                                   \
	X(become_root, "setuid", setuid(0))                                                        \
	X(new_namespace, "unshare", unshare(CLONE_NEWUSER))                                        \
	X(mount_something, "mount", mount("none", "/mnt", "tmpfs", 0, NULL))                       \
	X(run_bytes, "map executable memory", MAP(PROT_READ | PROT_WRITE | PROT_EXEC))             \
	X(make_executable, "make memory executable",                                               \
	  mprotect(MAP(PROT_READ | PROT_WRITE), 4096, PROT_READ | PROT_EXEC))                      \
	X(type_for_us, "ioctl", ioctl(fd, TIOCSTI, "x"))                                           \
	X(share_memory, "shared memory", shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600))              \
	X(create_memory_file, "memfd_create", memfd_create("x", 0))                                \
	X(kernel_rings, "io_uring", syscall(SYS_io_uring_setup, 1, NULL))                          \
	X(kernel_programs, "bpf", syscall(SYS_bpf, 0, NULL, 0))                                    \
	X(kernel_keys, "keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0))                               \
	X(fault_handler, "userfaultfd", syscall(SYS_userfaultfd, 0))                               \
	X(lift_limits, "lift the limits",                                                          \
	  setrlimit(RLIMIT_AS, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}))                    \
	X(undo, "prctl", prctl(PR_SET_DUMPABLE, 1))                                                \
	OTHER_ARCHITECTURES(X)

#define ATTACK_FUNCTION(name, words, ...)                                                          \
	static void name(int fd)                                                                   \
	{                                                                                          \
		(void)fd;                                                                          \
		__VA_ARGS__;                                                                       \
	}
FORBIDDEN_CALLS(ATTACK_FUNCTION)

#ifdef __x86_64__
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
#endif

struct attack {
	const char *name;
	attack_fn *fn;
	const char *said; /* a part of the error */
};
#define KILLED "signal 31" /* SIGSYS: by the filter */

#define ATTACK_ROW(name, words, ...) {words, name, KILLED},
static const struct attack forbidden[] = {FORBIDDEN_CALLS(ATTACK_ROW)};
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
