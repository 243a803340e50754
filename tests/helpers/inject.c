/*
 * inject [-a] [-l LOG] [ACTION] COMMAND [ARG...]: runs a command and acts at one system call of the command or of its
 * children, at the same call in each run.
 *
 *	kill-before=N    kills all processes at the entry of the N-th call, which is not made
 *	kill-after=N     kills them when the call was made, before it returns
 *	fail=N:ERRNO     the N-th call is not made and returns this error (a name: ENOSPC)
 *	fail-from=N:ERRNO  so does each later call; with ENOSPC, only those that need space
 *	short=N          the N-th call, a write, writes half of its data
 *	during=N:SHELL   runs the shell command while the caller is stopped at its N-th call
 *
 * The calls of all processes are counted together, in their order, from 1: calls that change files and directories with
 * a name, which outlive the process, and calls that make such changes durable. Between two of them a process changes
 * nothing that outlives it. So a death before each call, and after the last, represents a death at any instant. (Writes
 * to pipes and devices are not counted, nor are mounts, whose namespaces end with the process.) With -a every system
 * call of every process is counted.
 *
 * LOG gets a line for each counted call, with fields separated by tabs: number, process, name, result (-ERRNO; "!" if the
 * call was not made), path, second path. Paths are absolute, and their directory is canonical; for a descriptor, the path
 * is its name at that time. The log ends in "exit STATUS", or "struck" if all processes were killed.
 *
 * Exits with the command's status; 128 plus the number of a signal, so 137 after a kill; 99 if there were fewer than N calls;
 * 98 on failures of its own.
 *
 * seccomp(2) stops the counted calls (SECCOMP_RET_TRACE) and ptrace(2) follows all children: other calls run at full speed,
 * and no child is missed. Needs root, because the filter must work without no_new_privs, so that file capabilities keep
 * their effect.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NEVER = 99, EXIT_OWN = 98, EXIT_KILLED = 137 };

/* How a call names the file that it changes: numbers of arguments, or NONE. */
#define NONE -1
#define HERE -2 /* in place of a directory's descriptor: the working directory */
struct call {
	int number;
	const char *name;
	int fd;	       /* changes the file of this descriptor */
	int dir, path; /* changes path in dir */
	int dir2, path2;
	bool space; /* may fail with ENOSPC */
};

/* Versions of clang-format differ about braces in a macro. */
/* clang-format off */
#define BY_FD(name, fd, space) {SCMP_SYS(name), #name, fd, NONE, NONE, NONE, NONE, space}
#define BY_PATH(name, dir, path, space) \
	{SCMP_SYS(name), #name, NONE, dir, path, NONE, NONE, space}
#define BY_TWO(name, d, p, d2, p2) {SCMP_SYS(name), #name, NONE, d, p, d2, p2, true}
/* clang-format on */

static const struct call calls[] = {
	BY_PATH(open, HERE, 0, true),
	BY_PATH(openat, 0, 1, true),
	BY_PATH(openat2, 0, 1, true),
	BY_PATH(creat, HERE, 0, true),
	BY_FD(write, 0, true),
	BY_FD(pwrite64, 0, true),
	BY_FD(writev, 0, true),
	BY_FD(pwritev, 0, true),
	BY_FD(pwritev2, 0, true),
	BY_FD(sendfile, 0, true),
	BY_FD(copy_file_range, 2, true),
	BY_FD(splice, 2, true),
	BY_FD(fallocate, 0, true),
	BY_FD(ftruncate, 0, true),
	BY_PATH(truncate, HERE, 0, true),
	BY_FD(fsync, 0, true),
	BY_FD(fdatasync, 0, true),
	BY_FD(syncfs, 0, true),
	BY_FD(sync, NONE, true),
	BY_FD(sync_file_range, 0, true),
	BY_PATH(mkdir, HERE, 0, true),
	BY_PATH(mkdirat, 0, 1, true),
	BY_PATH(mknod, HERE, 0, true),
	BY_PATH(mknodat, 0, 1, true),
	BY_PATH(symlink, HERE, 1, true),
	BY_PATH(symlinkat, 1, 2, true),
	BY_PATH(unlink, HERE, 0, false),
	BY_PATH(unlinkat, 0, 1, false),
	BY_PATH(rmdir, HERE, 0, false),
	BY_TWO(rename, HERE, 0, HERE, 1),
	BY_TWO(renameat, 0, 1, 2, 3),
	BY_TWO(renameat2, 0, 1, 2, 3),
	BY_TWO(link, HERE, 0, HERE, 1),
	BY_TWO(linkat, 0, 1, 2, 3),
	BY_PATH(chmod, HERE, 0, false),
	BY_FD(fchmod, 0, false),
	BY_PATH(fchmodat, 0, 1, false),
	BY_PATH(chown, HERE, 0, false),
	BY_PATH(lchown, HERE, 0, false),
	BY_FD(fchown, 0, false),
	BY_PATH(fchownat, 0, 1, false),
	BY_PATH(utimensat, 0, 1, false),
	BY_PATH(setxattr, HERE, 0, true),
	BY_PATH(lsetxattr, HERE, 0, true),
	BY_FD(fsetxattr, 0, true),
	BY_PATH(removexattr, HERE, 0, false),
	BY_PATH(lremovexattr, HERE, 0, false),
	BY_FD(fremovexattr, 0, false),
};
#define CALLS (sizeof calls / sizeof *calls)

enum action { ACT_NONE, KILL_BEFORE, KILL_AFTER, FAIL, FAIL_FROM, SHORT, DURING };

static struct {
	enum action action;
	unsigned long at;
	int errnum;
	const char *shell;
	bool all;
	FILE *log;
	unsigned long count;
	bool struck;
} job;

/* The call that a process is in, between the stops at its entry and its exit. */
struct task {
	pid_t pid;
	bool inside;
	unsigned long number;	 /* of the call, as counted */
	const struct call *call; /* NULL: a call that changes nothing */
	char name[32];
	char paths[2][PATH_MAX];
};

static struct task *tasks;
static size_t ntasks;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("inject: ", stderr);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(ap);
	_exit(EXIT_OWN); /* PTRACE_O_EXITKILL ends the others */
}

/* -- processes -- */

static struct task *task_of(pid_t pid)
{
	for (size_t i = 0; i < ntasks; i++)
		if (tasks[i].pid == pid)
			return &tasks[i];
	tasks = reallocarray(tasks, ntasks + 1, sizeof *tasks);
	if (!tasks)
		die("out of memory");
	tasks[ntasks] = (struct task){.pid = pid};
	return &tasks[ntasks++];
}

static void forget(pid_t pid)
{
	for (size_t i = 0; i < ntasks; i++)
		if (tasks[i].pid == pid) {
			tasks[i] = tasks[--ntasks];
			return;
		}
}

/* All at once, like a power failure or the kill of a cgroup. */
static void kill_all(void)
{
	job.struck = true;
	for (size_t i = 0; i < ntasks; i++)
		kill(tasks[i].pid, SIGKILL);
}

/* -- registers -- */

static void skip_call(pid_t pid, int errnum)
{
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof regs};

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io) < 0)
		die("cannot read registers");
#if defined(__x86_64__)
	regs.orig_rax = (unsigned long)-1;
	regs.rax = (unsigned long)-errnum;
#elif defined(__aarch64__)
	{
		int none = -1;
		struct iovec nr = {&none, sizeof none};

		if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &nr) < 0)
			die("cannot skip a call");
	}
	regs.regs[0] = (unsigned long)-errnum;
#else
#error "which register holds a system call's result here?"
#endif
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io) < 0)
		die("cannot set registers");
}

/* Halves the third argument: the length of write(2) and pwrite(2). */
static void shorten(pid_t pid, unsigned long length)
{
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof regs};

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io) < 0)
		die("cannot read registers");
#if defined(__x86_64__)
	regs.rdx = (length + 1) / 2;
#elif defined(__aarch64__)
	regs.regs[2] = (length + 1) / 2;
#endif
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io) < 0)
		die("cannot set registers");
}

/* -- paths -- */

static void read_string(pid_t pid, unsigned long at, char out[PATH_MAX])
{
	size_t used = 0;

	/* In pieces that do not cross a page: the next page may not be mapped. */
	while (used < PATH_MAX - 1) {
		size_t piece = 4096 - (at + used) % 4096;
		struct iovec here = {out + used, 0}, there = {(void *)(at + used), 0};
		ssize_t n;

		if (piece > PATH_MAX - 1 - used)
			piece = PATH_MAX - 1 - used;
		here.iov_len = there.iov_len = piece;
		n = process_vm_readv(pid, &here, 1, &there, 1, 0);
		if (n <= 0)
			break;
		if (memchr(out + used, '\0', (size_t)n))
			return;
		used += (size_t)n;
	}
	out[used] = '\0';
}

static bool link_of(pid_t pid, const char *what, int fd, char out[PATH_MAX])
{
	char link[64];
	ssize_t n;

	if (fd >= 0)
		snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, fd);
	else
		snprintf(link, sizeof link, "/proc/%d/%s", pid, what);
	n = readlink(link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Makes the directory part canonical. */
static void canonical(char path[PATH_MAX])
{
	char dir[PATH_MAX], real[PATH_MAX], *slash = strrchr(path, '/');
	char whole[PATH_MAX];

	if (!slash || slash == path)
		return;
	snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
	if (!realpath(dir, real))
		return;
	if (snprintf(whole, sizeof whole, "%s/%s", real, slash + 1) < PATH_MAX)
		memcpy(path, whole, sizeof whole);
}

static void path_in(pid_t pid, int dir, unsigned long at, char out[PATH_MAX])
{
	char name[PATH_MAX], base[PATH_MAX];

	read_string(pid, at, name);
	out[0] = '\0';
	if (name[0] == '/')
		snprintf(out, PATH_MAX, "%s", name);
	else if (link_of(pid, "cwd", dir, base))
		if (snprintf(out, PATH_MAX, "%s%s%s", base, name[0] ? "/" : "", name) >= PATH_MAX)
			out[0] = '\0';
	canonical(out);
}

static int dir_argument(const struct __ptrace_syscall_info *info, int which)
{
	int fd = which == HERE ? AT_FDCWD : (int)info->seccomp.args[which];

	return fd == AT_FDCWD ? -1 : fd;
}

static void find_paths(struct task *t, const struct __ptrace_syscall_info *info)
{
	const struct call *c = t->call;

	t->paths[0][0] = t->paths[1][0] = '\0';
	if (!c)
		return;
	if (c->fd != NONE)
		link_of(t->pid, "", (int)info->seccomp.args[c->fd], t->paths[0]);
	if (c->path != NONE && info->seccomp.args[c->path])
		path_in(t->pid, dir_argument(info, c->dir), info->seccomp.args[c->path],
			t->paths[0]);
	else if (c->path != NONE) /* utimensat(2) of a descriptor */
		link_of(t->pid, "", (int)info->seccomp.args[c->dir], t->paths[0]);
	if (c->path2 != NONE)
		path_in(t->pid, dir_argument(info, c->dir2), info->seccomp.args[c->path2],
			t->paths[1]);
}

/* -- which calls count -- */

static bool opens_to_change(const struct call *c, pid_t pid,
			    const struct __ptrace_syscall_info *info)
{
	uint64_t flags = O_CREAT;

	if (c->number == SCMP_SYS(open))
		flags = info->seccomp.args[1];
	else if (c->number == SCMP_SYS(openat))
		flags = info->seccomp.args[2];
	else if (c->number == SCMP_SYS(openat2)) {
		struct iovec here = {&flags, sizeof flags};
		struct iovec there = {(void *)info->seccomp.args[2], sizeof flags};

		if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof flags)
			return false;
	} else {
		return true;
	}
	return flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* A name in a file system that outlives the bed. */
static bool lasts(const char *path)
{
	return path[0] == '/' && strncmp(path, "/dev/", 5) != 0 &&
	       strncmp(path, "/proc/", 6) != 0 && strncmp(path, "/memfd:", 7) != 0;
}

static void name_call(struct task *t, int number)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

	snprintf(t->name, sizeof t->name, "%s", name ? name : "-");
	free(name);
}

static bool counts(struct task *t, const struct __ptrace_syscall_info *info)
{
	t->call = NULL;
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].number >= 0 && (uint64_t)calls[i].number == info->seccomp.nr)
			t->call = &calls[i];
	if (!t->call && !job.all)
		return false;
	find_paths(t, info);
	name_call(t, (int)info->seccomp.nr);
	if (job.all)
		return true;
	if (t->call->fd == NONE && t->call->path == NONE)
		return true; /* sync(2) */
	return lasts(t->paths[0]) && opens_to_change(t->call, t->pid, info);
}

/* -- the log -- */

static void log_call(const struct task *t, const char *result)
{
	if (!job.log)
		return;
	fprintf(job.log, "%lu\t%d\t%s\t%s\t%s\t%s\n", t->number, t->pid, t->name, result,
		t->paths[0], t->paths[1]);
	fflush(job.log);
}

static void log_result(const struct task *t)
{
	struct __ptrace_syscall_info info;
	char result[32] = "!";

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) > 0 &&
	    info.op == PTRACE_SYSCALL_INFO_EXIT) {
		if (info.exit.is_error)
			snprintf(result, sizeof result, "-%s",
				 strerrorname_np((int)-info.exit.rval));
		else
			snprintf(result, sizeof result, "%lld", (long long)info.exit.rval);
	}
	log_call(t, result);
}

/* -- stops -- */

static void run_shell(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("cannot fork");
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", job.shell, (char *)NULL);
		_exit(127);
	}
	/* By its number: only the traced processes may wait. */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("cannot wait for the shell");
	if (status != 0) {
		fprintf(stderr, "inject: during the stop: %s: status %#x\n", job.shell, status);
		exit(EXIT_OWN);
	}
}

static bool is_write(const struct task *t)
{
	return t->call &&
	       (strcmp(t->call->name, "write") == 0 || strcmp(t->call->name, "pwrite64") == 0);
}

static bool fails(const struct task *t)
{
	if (job.action == FAIL)
		return t->number == job.at;
	if (job.action != FAIL_FROM || t->number < job.at)
		return false;
	return job.errnum != ENOSPC || !t->call || t->call->space;
}

/* At the entry of a call. Returns false if all processes were killed. */
static bool way_in(struct task *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_SECCOMP || !counts(t, &info))
		return true;
	t->inside = true;
	t->number = ++job.count;
	if (fails(t)) {
		skip_call(t->pid, job.errnum);
		job.struck = true;
	}
	if (t->number != job.at)
		return true;
	if (job.action == KILL_BEFORE) {
		log_call(t, "!");
		kill_all();
		return false;
	}
	if (job.action == DURING) {
		job.struck = true;
		run_shell();
	}
	if (job.action == SHORT && is_write(t) && info.seccomp.args[2] > 1) {
		job.struck = true;
		shorten(t->pid, info.seccomp.args[2]);
	}
	return true;
}

static bool way_out(struct task *t)
{
	t->inside = false;
	log_result(t);
	if (job.action == KILL_AFTER && t->number == job.at) {
		kill_all();
		return false;
	}
	return true;
}

/* Handles one stop and lets the process go on, with the signal that it stopped for. */
static void handle(pid_t pid, int status)
{
	struct task *t = task_of(pid);
	int event = status >> 16, sig = WSTOPSIG(status), give = 0;
	bool go_on = true;

	if (event == PTRACE_EVENT_SECCOMP)
		go_on = way_in(t);
	else if (sig == (SIGTRAP | 0x80) && t->inside)
		go_on = way_out(t);
	else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, 0, 0); /* stopped by a signal: stays stopped */
		return;
	} else if (event == 0 && sig != (SIGTRAP | 0x80))
		give = sig;
	if (go_on && ptrace(t->inside ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, give) < 0 &&
	    errno != ESRCH)
		die("cannot let %d go on", pid);
}

/* Until the last process has ended. Returns the first one's status. */
static int follow(pid_t first)
{
	int status, result = EXIT_OWN;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || (pid < 0 && errno == EINTR)) {
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			if (!job.struck || job.action == FAIL || job.action == FAIL_FROM ||
			    job.action == SHORT || job.action == DURING)
				handle(pid, status);
			else
				kill(pid, SIGKILL); /* born while the others were killed */
			continue;
		}
		if (pid == first)
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		forget(pid);
	}
	return result;
}

/* -- the start -- */

static void install_filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(job.all ? SCMP_ACT_TRACE(0) : SCMP_ACT_ALLOW);

	if (!ctx || seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) < 0)
		die("cannot make a filter");
	for (size_t i = 0; i < CALLS && !job.all; i++) {
		/* Negative: this machine does not have the call. */
		if (calls[i].number >= 0 &&
		    seccomp_rule_add(ctx, SCMP_ACT_TRACE(0), calls[i].number, 0) < 0)
			die("cannot add %s to the filter", calls[i].name);
	}
	if (seccomp_load(ctx) < 0)
		die("cannot load the filter");
	seccomp_release(ctx);
}

/* The child waits until it is traced; its filter is in force before it executes the command. */
static pid_t start(char **argv)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
				PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
				PTRACE_O_EXITKILL;
	int go[2];
	pid_t pid;
	char c;

	if (pipe2(go, O_CLOEXEC) < 0)
		die("cannot make a pipe");
	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(EXIT_OWN);
		install_filter();
		execvp(argv[0], argv);
		die("cannot execute %s", argv[0]);
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
		die("cannot trace the command");
	if (write(go[1], "", 1) != 1)
		die("cannot start the command");
	close(go[0]);
	close(go[1]);
	return pid;
}

static int errno_of(const char *name)
{
	for (int i = 1; i < 256; i++)
		if (strerrorname_np(i) && strcmp(strerrorname_np(i), name) == 0)
			return i;
	return 0;
}

static bool parse_action(const char *text)
{
	static const struct {
		const char *name;
		enum action action;
	} names[] = {
		{"kill-before=", KILL_BEFORE}, {"kill-after=", KILL_AFTER}, {"fail=", FAIL},
		{"fail-from=", FAIL_FROM},     {"short=", SHORT},	    {"during=", DURING},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i].name);
		char *end;

		if (strncmp(text, names[i].name, len) != 0)
			continue;
		job.action = names[i].action;
		job.at = strtoul(text + len, &end, 10);
		if (job.action == FAIL || job.action == FAIL_FROM)
			job.errnum = *end == ':' ? errno_of(end + 1) : 0;
		job.shell = *end == ':' ? end + 1 : NULL;
		if (job.at == 0 ||
		    ((job.action == FAIL || job.action == FAIL_FROM) && !job.errnum) ||
		    (job.action == DURING && !job.shell))
			return false;
		return true;
	}
	return true; /* the command */
}

int main(int argc, char **argv)
{
	int c, status;
	pid_t pid;

	while ((c = getopt(argc, argv, "+al:")) != -1) {
		if (c == 'a')
			job.all = true;
		else if (c != 'l' || !(job.log = fopen(optarg, "we")))
			die("%s", c == 'l' ? optarg : "usage");
	}
	if (argv[optind] && !parse_action(argv[optind]))
		die("%s", argv[optind]);
	if (job.action != ACT_NONE)
		optind++;
	if (!argv[optind])
		die("which command?");
	pid = start(argv + optind);
	status = follow(pid);
	if (job.log && job.struck && (job.action == KILL_BEFORE || job.action == KILL_AFTER))
		fprintf(job.log, "struck\n");
	else if (job.log)
		fprintf(job.log, "exit %d\n", status);
	if (job.log && fclose(job.log) != 0)
		die("cannot write the log");
	if (job.action != ACT_NONE && !job.struck)
		return EXIT_NEVER;
	return job.action == KILL_BEFORE || job.action == KILL_AFTER ? EXIT_KILLED : status;
}
