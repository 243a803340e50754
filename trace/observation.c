#include "trace/observation.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/path.h"
#include "elf/readers.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */
#define X32_BIT 0x40000000u

/* A file that was examined already, so that its next mapping only costs a comparison. */
struct known_file {
	dev_t dev;
	ino_t ino;
	struct timespec ctime;
	bool library, live;
	char *path;
};

struct watch {
	struct observation o;
	pid_t program;
	bool begun; /* the child has executed the program, and no longer runs our code */
	bool ended; /* the program has ended */
	pid_t *threads;
	size_t nthreads;
	struct known_file *known;
	size_t nknown;
	struct err *err;
};

void observation_free(struct observation *o)
{
	for (size_t i = 0; i < o->count; i++) {
		free(o->items[i].path);
		free(o->items[i].exe);
	}
	free(o->items);
	*o = (struct observation){0};
}

static void watch_free(struct watch *w)
{
	observation_free(&w->o);
	for (size_t i = 0; i < w->nknown; i++)
		free(w->known[i].path);
	free(w->known);
	free(w->threads);
}

/* -- mapped files -- */

static int read_link(pid_t pid, const char *name, char out[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/%d/%s", pid, name);
	n = readlink(link, out, PATH_MAX - 1);
	if (n <= 0)
		return -1;
	out[n] = '\0';
	return 0;
}

/* Whether a loader would load it: an ELF file that is a shared object and not a program. */
static bool is_shared_object(int fd)
{
	AUTO_ELF struct elf elf = {0};
	struct err ignored;
	bool is_elf;

	return readers_read(fd, &elf, &is_elf, &ignored) == 0 && is_elf && elf.shared &&
	       elf.dynamic && (!elf.interp || elf.soname);
}

/* Opens path without side effects: the traced program may change it at any time, and a device must not be opened. */
static int open_regular(const char *path, struct stat *st)
{
	AUTO_FD int at = open(path, O_PATH | O_CLOEXEC);
	char self[64];

	if (at < 0 || fstat(at, st) < 0 || !S_ISREG(st->st_mode))
		return -1;
	snprintf(self, sizeof self, "/proc/self/fd/%d", at);
	return open(self, O_RDONLY | O_CLOEXEC);
}

/* Whether the live system has the same file at path. In a view the file may differ; if it is the same, it is under an
 * overlay and has another device number, so the content decides. */
static bool is_live(int fd, const struct stat *st, const char *path)
{
	struct digest seen, there;
	struct err ignored;
	struct stat now;
	AUTO_FD int live = open_regular(path, &now);

	if (live < 0)
		return false;
	if (now.st_dev == st->st_dev && now.st_ino == st->st_ino)
		return true;
	return now.st_size == st->st_size && digest_fd(fd, &seen, &ignored) == 0 &&
	       digest_fd(live, &there, &ignored) == 0 && digest_equal(&seen, &there);
}

static struct known_file *find_known(const struct watch *w, const struct stat *st)
{
	for (size_t i = w->nknown; i-- > 0;) {
		struct known_file *k = &w->known[i];

		if (k->dev == st->st_dev && k->ino == st->st_ino &&
		    k->ctime.tv_sec == st->st_ctim.tv_sec &&
		    k->ctime.tv_nsec == st->st_ctim.tv_nsec)
			return k;
	}
	return NULL;
}

/* Examines a file for the first time. NULL: out of memory. */
static struct known_file *examine(struct watch *w, int fd, const char *path, const struct stat *st)
{
	struct known_file *k;

	if (ARRAY_GROW(w->known, w->nknown, w->err) < 0)
		return NULL;
	k = &w->known[w->nknown];
	*k = (struct known_file){st->st_dev, st->st_ino, st->st_ctim, false, false, strdup(path)};
	if (!k->path)
		return NULL;
	w->nknown++;
	k->library = path[0] == '/' && !path_ends(path, " (deleted)") && is_shared_object(fd);
	k->live = k->library && is_live(fd, st, path);
	return k;
}

static int record_library(struct watch *w, const struct known_file *k, const char *exe)
{
	struct observed *s;

	for (size_t i = 0; i < w->o.count; i++)
		if (strcmp(w->o.items[i].path, k->path) == 0 && strcmp(w->o.items[i].exe, exe) == 0)
			return 0;
	if (ARRAY_GROW(w->o.items, w->o.count, w->err) < 0)
		return -ENOMEM;
	s = &w->o.items[w->o.count++];
	*s = (struct observed){strdup(k->path), strdup(exe), k->live};
	return s->path && s->exe ? 0 : err_nomem(w->err);
}

/* The process is stopped in its system call, so the descriptor is of the file that it will map. */
static int examine_mapping(struct watch *w, pid_t pid, int number)
{
	char link[64], name[32], path[PATH_MAX], exe[PATH_MAX];
	struct known_file *k;
	struct stat st;
	AUTO_FD int fd = -1;

	snprintf(name, sizeof name, "fd/%d", number);
	snprintf(link, sizeof link, "/proc/%d/%s", pid, name);
	fd = open_regular(link, &st);
	if (fd < 0 || read_link(pid, name, path) < 0)
		return 0;
	k = find_known(w, &st);
	if (!k)
		k = examine(w, fd, path, &st);
	if (!k)
		return err_nomem(w->err);
	if (!k->library)
		return 0;
	if (read_link(pid, "exe", exe) < 0)
		exe[0] = '\0';
	return record_library(w, k, exe);
}

/* On all of these architectures, flags and descriptor are the fourth and fifth arguments. */
static bool is_mmap(const struct __ptrace_syscall_info *info)
{
	switch (info->arch) {
#ifdef AUDIT_ARCH_X86_64
	case AUDIT_ARCH_X86_64:
		return (info->entry.nr & ~(uint64_t)X32_BIT) == 9;
	case AUDIT_ARCH_I386:
		return info->entry.nr == 192; /* mmap2 */
	case AUDIT_ARCH_ARM:
		return info->entry.nr == 192; /* mmap2 */
	case AUDIT_ARCH_AARCH64:
		return info->entry.nr == 222;
#endif
	default:
		return info->entry.nr == SYS_mmap;
	}
}

static int on_syscall(struct watch *w, pid_t pid)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY || !is_mmap(&info) ||
	    info.entry.args[3] & MAP_ANONYMOUS || (int)info.entry.args[4] < 0)
		return 0;
	return examine_mapping(w, pid, (int)info.entry.args[4]);
}

/* -- traced threads -- */

static volatile sig_atomic_t let_go; /* SIGINT or SIGTERM arrived after the program's end */

static void on_signal(int sig)
{
	(void)sig;
	let_go = 1;
}

static int add_thread(struct watch *w, pid_t tid)
{
	for (size_t i = 0; i < w->nthreads; i++)
		if (w->threads[i] == tid)
			return 0;
	if (ARRAY_GROW(w->threads, w->nthreads, w->err) < 0)
		return -ENOMEM;
	w->threads[w->nthreads++] = tid;
	return 0;
}

static void remove_thread(struct watch *w, pid_t tid)
{
	for (size_t i = 0; i < w->nthreads; i++)
		if (w->threads[i] == tid)
			w->threads[i] = w->threads[--w->nthreads];
}

static bool is_daemon(pid_t pid)
{
	return getsid(pid) != getsid(0);
}

static bool is_to_release(const struct watch *w, pid_t pid)
{
	return w->ended && (let_go || is_daemon(pid));
}

/* Stops the threads to release, which may be waiting and make no system call. */
static void interrupt_released(const struct watch *w)
{
	for (size_t i = 0; i < w->nthreads; i++)
		if (is_to_release(w, w->threads[i]))
			ptrace(PTRACE_INTERRUPT, w->threads[i], 0, 0);
}

static void release_thread(struct watch *w, pid_t tid, int sig)
{
	/* Fails for all threads but the first of a process: so this counts processes. */
	AUTO_FD int process = (int)syscall(SYS_pidfd_open, tid, 0);

	w->o.run_on += process >= 0;
	ptrace(PTRACE_DETACH, tid, 0, sig);
	remove_thread(w, tid);
}

static bool stops_group(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* Adds new threads. At an execve(2) all other threads disappear without an end of their own. */
static int on_event(struct watch *w, pid_t tid, int event)
{
	unsigned long other = 0;

	if (event == 0 || event == PTRACE_EVENT_STOP ||
	    ptrace(PTRACE_GETEVENTMSG, tid, 0, &other) < 0)
		return 0;
	if (event != PTRACE_EVENT_EXEC)
		return add_thread(w, (pid_t)other);
	w->begun = true;
	if ((pid_t)other != tid)
		remove_thread(w, (pid_t)other);
	return 0;
}

static int on_stop(struct watch *w, pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16, deliver = 0, r;

	r = add_thread(w, tid); /* a new thread may stop before its creator's event arrives */
	if (r == 0)
		r = on_event(w, tid, event);
	if (r == 0 && sig == SYSCALL_STOP && w->begun)
		r = on_syscall(w, tid);
	else if (r == 0 && event == 0 && sig != SYSCALL_STOP)
		deliver = sig; /* a signal for the process */
	if (r < 0)
		return r;
	if (is_to_release(w, tid))
		release_thread(w, tid, deliver);
	else if (event == PTRACE_EVENT_STOP && stops_group(sig))
		ptrace(PTRACE_LISTEN, tid, 0, 0); /* it stays stopped until SIGCONT */
	else
		ptrace(PTRACE_SYSCALL, tid, 0, deliver);
	return 0;
}

static void on_end(struct watch *w, pid_t tid, int status)
{
	remove_thread(w, tid);
	if (tid != w->program)
		return;
	w->o.status = status;
	w->ended = true;
	sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	interrupt_released(w);
}

static int trace_all(struct watch *w)
{
	for (;;) {
		int status, r = 0;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0 && errno == ECHILD)
			return 0;
		if (tid < 0 && errno != EINTR)
			return err_sys(w->err, errno, "cannot wait for the program");
		if (tid < 0)
			interrupt_released(w);
		else if (WIFSTOPPED(status))
			r = on_stop(w, tid, status);
		else
			on_end(w, tid, status);
		if (r < 0)
			return r;
		if (w->ended && w->nthreads == 0)
			return 0;
	}
}

/* -- the start -- */

/* Waits until it is traced, then executes the program. */
static void start_child(start_fn *start, void *ctx, int ready, int out)
{
	struct err err = {0};
	char byte;
	int r;

	if (read(ready, &byte, 1) != 1)
		_exit(127);
	r = start(ctx, &err);
	if (write(out, &r, sizeof r) == sizeof r)
		if (write(out, err.text, strlen(err.text) + 1) < 0)
			_exit(127);
	_exit(127);
}

static int seize_child(pid_t pid, struct err *err)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
		return err_sys(err, errno, "cannot trace the program");
	return 0;
}

/* The child's error, if it could not execute the program. */
static int read_child_error(int fd, struct err *err)
{
	struct {
		int r;
		char text[ERR_TEXT_MAX];
	} words = {0};
	ssize_t n = read(fd, &words, sizeof words - 1);

	if (n < (ssize_t)sizeof words.r || words.r >= 0)
		return 0;
	return err_set(err, -words.r, "%s", words.text);
}

/* As in system(3): signals from the terminal are for the program. */
struct signals {
	struct sigaction interrupt, quit, terminate;
};

static void hold_signals(struct signals *before)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	let_go = 0;
	sigaction(SIGINT, &ignore, &before->interrupt);
	sigaction(SIGQUIT, &ignore, &before->quit);
	sigaction(SIGTERM, NULL, &before->terminate);
}

static void restore_signals(const struct signals *before)
{
	sigaction(SIGINT, &before->interrupt, NULL);
	sigaction(SIGQUIT, &before->quit, NULL);
	sigaction(SIGTERM, &before->terminate, NULL);
}

static int run_traced(struct watch *w, start_fn *start, void *ctx)
{
	AUTO_FD int ready = -1, go = -1, words = -1, out = -1;
	struct signals before;
	int pipes[2], r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(w->err, errno, "cannot create a pipe");
	ready = pipes[0];
	go = pipes[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(w->err, errno, "cannot create a pipe");
	words = pipes[0];
	out = pipes[1];
	w->program = fork();
	if (w->program < 0)
		return err_sys(w->err, errno, "cannot start a process");
	if (w->program == 0)
		start_child(start, ctx, ready, out);
	close(out);
	out = -1;
	hold_signals(&before);
	r = seize_child(w->program, w->err);
	if (r == 0 && write(go, "", 1) != 1)
		r = err_sys(w->err, errno, "cannot start the program");
	if (r == 0)
		r = trace_all(w);
	if (r < 0)
		kill(w->program, SIGKILL);
	restore_signals(&before);
	return r < 0 ? r : read_child_error(words, w->err);
}

int observation_run(start_fn *start, void *ctx, struct observation *out, struct err *err)
{
	CLEANUP(watch_free) struct watch w = {.err = err};
	int r;

	fflush(NULL); /* otherwise the child would write the buffers, too */
	r = run_traced(&w, start, ctx);
	if (r < 0)
		return r;
	*out = w.o;
	w.o = (struct observation){0};
	return 0;
}
