/*
 * steps WHAT COMMAND [ARG...]: starts an app as UID 1000 again and again, stops the wrapper one system call later each
 * time, until it has executed the app, and does WHAT at each stop.
 *
 *	attach        stops it with SIGSTOP, untraced, and tries as the same user every way to access
 *	              another process; then continues it. Prints "step CALL WON ATTACK" for each
 *	              success, and "step CALL ended STATUS" if the wrapper does not exit with 0
 *	signal=N      sends this signal. Prints "step CALL ended STATUS" if the wrapper does not die
 *	              of it, and "step CALL core" if it dumped core
 *	ignored=N     the same with the signal ignored; prints as attach does
 *	nofile=N      sets its RLIMIT_NOFILE to N as the same user: "step CALL ended STATUS"
 *	maps          prints each mapped file and each open descriptor: "maps PATH", "fd PATH"
 *
 * CALL is the number of the last system call, -1 before the first. The last line is "N steps". STATUS is that of wait(2), in
 * hexadecimal. With -p the command is a plain program, stopped once, after its exec: it shows which attacks can succeed
 * at all.
 *
 * The tracer is root, so the wrapper gets its capability. The attacks come from the wrapper's own parent.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 1000, OWN = 98 };

static void die(const char *what)
{
	fprintf(stderr, "steps: %s: %s\n", what, strerror(errno));
	exit(OWN);
}

/* -- the user's attacks -- */

static bool reads(pid_t pid, const char *name)
{
	char path[64], byte;
	int fd;
	bool got;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, &byte, 1) == 1 || errno == EIO; /* EIO: mem, address 0: open was allowed */
	close(fd);
	return got;
}

static bool follows(pid_t pid, const char *name)
{
	char path[64], target[256];

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return readlink(path, target, sizeof target) >= 0;
}

static bool lists(pid_t pid, const char *name)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	dir = opendir(path);
	return dir && closedir(dir) == 0;
}

static bool seizes(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		return false;
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, &status, __WALL);
	ptrace(PTRACE_DETACH, pid, 0, SIGSTOP);
	return true;
}

static bool attaches(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_ATTACH, pid, 0, 0) < 0)
		return false;
	waitpid(pid, &status, __WALL);
	ptrace(PTRACE_DETACH, pid, 0, SIGSTOP);
	return true;
}

/* EFAULT means unmapped, and only a process with access gets this answer. */
static bool copies(pid_t pid, long call)
{
	char byte = 0;
	struct iovec here = {&byte, 1}, there = {(void *)0x1000, 1};

	return syscall(call, pid, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT;
}

static bool takes_descriptor(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), fd;

	if (pidfd < 0)
		die("pidfd_open");
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, 1, 0);
	close(pidfd);
	return fd >= 0 && close(fd) == 0;
}

/* Descriptors of the process's directory in /proc and of two below, from before it became the wrapper. */
static int before[3];
static const char *const opened[3] = {"", "fd", "ns"};

static void open_before(pid_t pid)
{
	char path[64];

	for (size_t i = 0; i < sizeof opened / sizeof *opened; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pid, opened[i]);
		before[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (before[i] < 0)
			die(path);
	}
}

static bool reads_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && close(fd) == 0;
}

static bool follows_at(int dir, const char *name)
{
	char target[256];

	return readlinkat(dir, name, target, sizeof target) >= 0;
}

static void attack(FILE *out, pid_t pid, long call)
{
	static const char *const files[] = {"mem",  "maps",    "smaps",	   "environ",
					    "auxv", "syscall", "numa_maps"};
	static const char *const links[] = {"exe", "cwd", "root", "ns/mnt", "ns/user"};
	static const char *const lists_of[] = {"fd", "fdinfo", "map_files"};
	void *head;
	size_t len;

#define REPORT(name, won) fprintf(out, "step %ld %s %s\n", call, (won) ? "WON" : "held", name)
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		REPORT(files[i], reads(pid, files[i]));
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		REPORT(links[i], follows(pid, links[i]));
	for (size_t i = 0; i < sizeof lists_of / sizeof *lists_of; i++)
		REPORT(lists_of[i], lists(pid, lists_of[i]));
	REPORT("process_vm_readv", copies(pid, SYS_process_vm_readv));
	REPORT("process_vm_writev", copies(pid, SYS_process_vm_writev));
	REPORT("pidfd_getfd", takes_descriptor(pid));
	REPORT("mem-before", reads_at(before[0], "mem"));
	REPORT("root-before", follows_at(before[0], "root"));
	REPORT("fd-before", follows_at(before[1], "0") || follows_at(before[1], "1"));
	REPORT("ns-before", follows_at(before[2], "mnt"));
	REPORT("kcmp", syscall(SYS_kcmp, getpid(), pid, KCMP_VM, 0, 0) >= 0);
	REPORT("get_robust_list", syscall(SYS_get_robust_list, pid, &head, &len) == 0);
	REPORT("PTRACE_SEIZE", seizes(pid));
	REPORT("PTRACE_ATTACH", attaches(pid));
	fflush(out);
}

/* -- the user's process: starts the command, and obeys the tracer -- */

enum what { ATTACH, SIGNAL, IGNORED, NOFILE, MAPS };

static enum what what;
static int argument; /* a signal, or a limit */
static bool plain;

/* Waits for the tracer, then becomes the command. */
static void command(char **argv, int go)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	char byte;

	if (what == SIGNAL) {
		setrlimit(RLIMIT_CORE, &all);
		signal(argument, SIG_DFL); /* a job in the background ignores some */
	}
	if (what == IGNORED)
		signal(argument, SIG_IGN);
	if (dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 1) < 0 || dup2(1, 2) < 0 ||
	    read(go, &byte, 1) != 1)
		_exit(OWN);
	execvp(argv[0], argv);
	_exit(OWN);
}

static void drop(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 ||
	    setresuid(USER, USER, USER) < 0)
		die("setresuid");
	prctl(PR_SET_DUMPABLE, 1); /* as after an exec */
}

static void report_end(pid_t pid, long call)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (what != SIGNAL ? status != 0 : !WIFSIGNALED(status) || WTERMSIG(status) != argument)
		printf("step %ld ended %x\n", call, status);
	if (WIFSIGNALED(status) && WCOREDUMP(status))
		printf("step %ld core\n", call);
}

/* The tracer writes the number of the last call to orders: for NOFILE while it holds the process,
 * for the others when it has let it go. */
static void user(char **argv, int go, int orders, int answers)
{
	struct rlimit limit = {(rlim_t)argument, (rlim_t)argument};
	int status;
	long call;
	pid_t pid;

	drop();
	pid = fork();
	if (pid == 0)
		command(argv, go);
	open_before(pid);
	if (write(answers, &pid, sizeof pid) != sizeof pid ||
	    read(orders, &call, sizeof call) != sizeof call)
		_exit(OWN);
	if (what == NOFILE && (prlimit(pid, RLIMIT_NOFILE, &limit, NULL) < 0 ||
			       write(answers, &pid, sizeof pid) != sizeof pid))
		die("prlimit");
	if (what == ATTACH) {
		if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
			die("not stopped");
		attack(stdout, pid, call);
		kill(pid, SIGCONT);
	}
	report_end(pid, call);
	fflush(stdout);
	_exit(0);
}

/* -- the tracer -- */

static void wait_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		die("the command ended");
}

/* The number of the call at whose entry it is stopped. */
static long entered(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		die("PTRACE_GET_SYSCALL_INFO");
	return (long)info.entry.nr;
}

/* Lets it make n calls; false if it would execute the app before that. */
static bool advance(pid_t pid, int n, long *call)
{
	*call = -1;
	if (n > 0) { /* the end of the execve(2) that began it */
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		wait_stop(pid);
	}
	for (int i = 0; i < n; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		wait_stop(pid);
		if (entered(pid) == SYS_execve)
			return false;
		*call = entered(pid);
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		wait_stop(pid);
	}
	return true;
}

static void print_maps(pid_t pid)
{
	char path[320], line[512], target[256];
	struct dirent *entry;
	ssize_t len;
	FILE *maps;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	for (maps = fopen(path, "re"); maps && fgets(line, sizeof line, maps);)
		if (strpbrk(line, "/["))
			printf("maps %s", strpbrk(line, "/["));
	fclose(maps);
	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	for (dir = opendir(path); dir && (entry = readdir(dir));) {
		snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, entry->d_name);
		len = readlink(path, target, sizeof target);
		if (len > 0)
			printf("fd %.*s\n", (int)len, target);
	}
	closedir(dir);
}

static pid_t start(char **argv, int fds[3])
{
	int go[2], orders[2], answers[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(orders, O_CLOEXEC) < 0 ||
	    pipe2(answers, O_CLOEXEC) < 0)
		die("pipe");
	fflush(stdout);
	if (fork() == 0) {
		close(go[1]), close(orders[1]), close(answers[0]);
		user(argv, go[0], orders[0], answers[1]);
	}
	close(go[0]), close(orders[0]), close(answers[1]);
	fds[0] = go[1], fds[1] = orders[1], fds[2] = answers[0];
	if (read(answers[0], &pid, sizeof pid) != sizeof pid)
		die("no command");
	return pid;
}

/* True if it got that far. */
static bool strike(char **argv, int n)
{
	int fds[3];
	pid_t pid = start(argv, fds), answer;
	bool there;
	long call;

	if (ptrace(PTRACE_SEIZE, pid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0 ||
	    write(fds[0], "", 1) != 1)
		die("PTRACE_SEIZE");
	wait_stop(pid);
	if (!plain) { /* so far it is the stub, which has no privilege; it executes the wrapper */
		ptrace(PTRACE_CONT, pid, 0, 0);
		wait_stop(pid);
	}
	there = advance(pid, n, &call);
	if (there && what == MAPS)
		print_maps(pid);
	if (!there || what == MAPS) {
		kill(pid, SIGKILL);
	} else if (what == NOFILE) {
		if (write(fds[1], &call, sizeof call) < 0 ||
		    read(fds[2], &answer, sizeof answer) < 0)
			die("orders");
	} else {
		kill(pid, what == ATTACH ? SIGSTOP : argument);
	}
	ptrace(PTRACE_DETACH, pid, 0, 0);
	if (there && what != MAPS && what != NOFILE && write(fds[1], &call, sizeof call) < 0)
		die("orders");
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return there;
}

static bool named(const char *text, const char *name, enum what is)
{
	size_t len = strlen(name);

	if (strncmp(text, name, len) != 0)
		return false;
	what = is;
	argument = atoi(text + len);
	return true;
}

int main(int argc, char **argv)
{
	int n = 0;

	plain = argc > 1 && strcmp(argv[1], "-p") == 0;
	argv += plain;
	argc -= plain;
	if (argc < 3 || !(named(argv[1], "attach", ATTACH) || named(argv[1], "signal=", SIGNAL) ||
			  named(argv[1], "ignored=", IGNORED) ||
			  named(argv[1], "nofile=", NOFILE) || named(argv[1], "maps", MAPS))) {
		fprintf(stderr, "usage: steps [-p] WHAT COMMAND [ARG...]\n");
		return OWN;
	}
	while (strike(argv + 2, n) && !plain)
		n++;
	printf("%d steps\n", n + plain);
	return 0;
}
