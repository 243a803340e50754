#include "trace/trace.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "trace/decode.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */

struct tracer {
	enum trace_way way;
	bool filtered; /* the kernel can do it */
	const struct trace_consumer *consumer;
	void (*left)(size_t processes);
	struct tracees tracees;
	pid_t program;
	bool begun;	   /* the child has executed the program, and no longer runs our code */
	int handled;	   /* signals for the tracer */
	int64_t passed_on; /* when the first of them was passed on to the program */
	bool ended;	   /* the program has ended */
	bool killing;	   /* all that still run */
	struct trace_result result;
	struct err *err;
};

/* Calls of pinlib itself, before the program begins, are not reported. */
static const struct trace_consumer *consumer_of(const struct tracer *t)
{
	static const struct trace_consumer nobody;

	return t->begun ? t->consumer : &nobody;
}

/* -- signals for the tracer -- */

static volatile sig_atomic_t arrived; /* how many */
static volatile sig_atomic_t last_signal;

/* The alarm interrupts a wait that began after the signal and before it was noticed. */
static void on_signal(int sig)
{
	if (sig != SIGALRM) {
		last_signal = sig;
		arrived++;
		alarm(1);
	}
}

static void catch_signal(int sig)
{
	sigaction(sig, &(struct sigaction){.sa_handler = on_signal}, NULL);
}

/* As in system(3): signals from the terminal are for the program. */
static const int held_signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGALRM};
#define HELD (sizeof held_signals / sizeof *held_signals)

static void hold_signals(enum trace_way way, struct sigaction before[HELD])
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	arrived = 0;
	for (size_t i = 0; i < HELD; i++)
		sigaction(held_signals[i], NULL, &before[i]);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGQUIT, &ignore, NULL);
	catch_signal(SIGALRM);
	if (way == TRACE_ALL_CALLS)
		return;
	catch_signal(SIGTERM);
	if (before[3].sa_handler != SIG_IGN) /* nohup(1) */
		catch_signal(SIGHUP);
}

static void restore_signals(enum trace_way way, const struct sigaction before[HELD])
{
	alarm(0);
	for (size_t i = 0; i < HELD; i++)
		if (way == TRACE_ALL_CALLS ||
		    (held_signals[i] != SIGTERM && held_signals[i] != SIGHUP))
			sigaction(held_signals[i], &before[i], NULL);
}

/* Calls each for every thread. */
static void each_thread(const struct tracer *t, void (*each)(const struct tracer *, pid_t tid))
{
	for (size_t i = 0; i < TRACEE_BUCKETS; i++)
		for (const struct tracee_thread *thread = t->tracees.buckets[i]; thread;
		     thread = thread->next)
			each(t, thread->tid);
}

static bool is_to_release(const struct tracer *t, pid_t pid)
{
	return t->way == TRACE_ALL_CALLS && t->ended && (arrived || getsid(pid) != getsid(0));
}

/* Stops a thread to release, which may be waiting and make no system call. */
static void interrupt_released(const struct tracer *t, pid_t tid)
{
	if (is_to_release(t, tid))
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
}

static void kill_thread(const struct tracer *t, pid_t tid)
{
	(void)t;
	kill(tid, SIGKILL);
}

/* timeout(1) and a terminal that goes away may send the same signal twice at once. */
#define SECOND_SIGNAL_MS 1000

static void on_signals(struct tracer *t)
{
	if (arrived == t->handled)
		return;
	if (t->way == TRACE_ALL_CALLS) {
		each_thread(t, interrupt_released);
		return;
	}
	if (!t->ended && t->handled && clock_ms() - t->passed_on < SECOND_SIGNAL_MS)
		return;
	if (t->ended || t->handled) {
		t->killing = true;
		each_thread(t, kill_thread);
	} else {
		t->passed_on = clock_ms();
		kill(t->program, last_signal);
	}
	t->handled = arrived;
}

/* -- processes -- */

/* Reports a process that the consumer does not know yet. */
static int report_begin(struct tracer *t, struct tracee *process)
{
	const struct trace_consumer *c = t->consumer;
	int r;

	if (!t->begun || process->reported)
		return 0;
	r = c->begin ? c->begin(c->ctx, &process->seen, t->err) : 0;
	process->reported = r == 0;
	return r;
}

static int report_end(struct tracer *t, struct tracee *process, int status)
{
	const struct trace_consumer *c = t->consumer;

	if (!process->reported)
		return 0;
	process->reported = false;
	return c->end ? c->end(c->ctx, &process->seen, status, t->err) : 0;
}

static int remove_thread(struct tracer *t, pid_t tid, int status)
{
	struct tracee *process = tracees_remove(&t->tracees, tid);
	int r = process ? report_end(t, process, status) : 0;

	tracee_free(process);
	return r;
}

/* The thread, which is new if its stop arrives for the first time. */
static int thread_of(struct tracer *t, pid_t tid, struct tracee_thread **out)
{
	int r = 0;

	*out = tracees_find(&t->tracees, tid);
	if (!*out)
		r = tracees_add(&t->tracees, tid, out, t->err);
	return r < 0 ? r : report_begin(t, (*out)->process);
}

/* An execve(2) by another thread than the first, whose number it takes. All other threads disappear, some without an end of
 * their own. */
static int take_number(struct tracer *t, struct tracee_thread *first, pid_t other)
{
	struct tracee_thread *thread = tracees_find(&t->tracees, other);

	if (!thread || thread == first)
		return 0;
	call_end(&first->begun);
	first->begun = thread->begun;
	thread->begun = (struct file_call_begun){0};
	return remove_thread(t, other, 0);
}

static int on_exec(struct tracer *t, struct tracee_thread *thread)
{
	unsigned long other = 0;
	int r;

	if (ptrace(PTRACE_GETEVENTMSG, thread->tid, 0, &other) < 0)
		return 0;
	r = take_number(t, thread, (pid_t)other);
	if (r == 0)
		r = report_end(t, thread->process, TRACE_REPLACED);
	if (r == 0)
		r = tracee_read_image(thread->process, t->err);
	t->begun = true;
	if (r == 0)
		r = report_begin(t, thread->process);
	if (r == 0)
		r = decode_executed(t->consumer, thread, t->err);
	call_end(&thread->begun);
	return r;
}

/* fork(2), vfork(2), clone(2): the new thread counts from now on, though its first stop may come later. */
static int on_fork(struct tracer *t, pid_t tid)
{
	struct tracee_thread *thread;
	unsigned long child = 0;

	if (ptrace(PTRACE_GETEVENTMSG, tid, 0, &child) < 0 ||
	    (kill((pid_t)child, 0) < 0 &&
	     errno == ESRCH)) /* it has been killed, and its end reported */
		return 0;
	return thread_of(t, (pid_t)child, &thread);
}

static void release_thread(struct tracer *t, pid_t tid, int sig)
{
	/* Fails for all threads but the first of a process: so this counts processes. */
	AUTO_FD int process = (int)syscall(SYS_pidfd_open, tid, 0);

	t->result.run_on += process >= 0;
	ptrace(PTRACE_DETACH, tid, 0, sig);
}

/* -- stops -- */

static bool stops_group(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static int on_call(struct tracer *t, struct tracee_thread *thread)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof info, &info) < 0)
		return 0;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		return decode_end(consumer_of(t), thread, &info, t->err);
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY && info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return 0;
	return decode_begin(consumer_of(t), thread, &info, t->err);
}

static void resume(const struct tracer *t, const struct tracee_thread *thread, int sig)
{
	bool all = !t->filtered || thread->begun.call;

	ptrace(all ? PTRACE_SYSCALL : PTRACE_CONT, thread->tid, 0, sig);
}

static int on_stop(struct tracer *t, pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16, deliver = 0, r;
	struct tracee_thread *thread;

	r = thread_of(t, tid, &thread);
	if (r == 0 && event == PTRACE_EVENT_EXEC)
		r = on_exec(t, thread);
	else if (r == 0 && (sig == SYSCALL_STOP || event == PTRACE_EVENT_SECCOMP))
		r = on_call(t, thread);
	else if (r == 0 && event && event != PTRACE_EVENT_STOP)
		r = on_fork(t, tid);
	else if (event == 0)
		deliver = sig; /* a signal for the process */
	if (r < 0)
		return r;
	if (t->killing)
		kill_thread(t, tid);
	if (is_to_release(t, tid)) {
		release_thread(t, tid, deliver);
		return remove_thread(t, tid, 0);
	}
	if (event == PTRACE_EVENT_STOP && stops_group(sig))
		ptrace(PTRACE_LISTEN, tid, 0, 0); /* it stays stopped until SIGCONT */
	else
		resume(t, thread, deliver);
	return 0;
}

static size_t count_processes(const struct tracer *t)
{
	size_t n = 0;

	for (size_t i = 0; i < TRACEE_BUCKETS; i++)
		for (const struct tracee_thread *thread = t->tracees.buckets[i]; thread;
		     thread = thread->next)
			n += thread->tid == thread->process->seen.pid;
	return n;
}

static void on_program_end(struct tracer *t, int status)
{
	size_t others;

	t->result.status = status;
	t->ended = true;
	catch_signal(SIGINT);
	catch_signal(SIGTERM);
	each_thread(t, interrupt_released);
	others = count_processes(t);
	if (others && t->left && !arrived)
		t->left(others);
	t->handled = 0;
	on_signals(t);
}

static int on_end(struct tracer *t, pid_t tid, int status)
{
	int r = remove_thread(t, tid, status);

	if (tid == t->program)
		on_program_end(t, status);
	return r;
}

static int trace_all(struct tracer *t)
{
	for (;;) {
		int status, r = 0;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0 && errno == ECHILD)
			return 0;
		if (tid < 0 && errno != EINTR)
			return err_sys(t->err, errno, "cannot wait for the program");
		if (tid < 0)
			on_signals(t);
		else if (WIFSTOPPED(status))
			r = on_stop(t, tid, status);
		else
			r = on_end(t, tid, status);
		if (r < 0)
			return r;
		if (t->ended && t->tracees.nthreads == 0)
			return 0;
	}
}

/* -- the start -- */

/* Waits until it is traced, then executes the program. */
static void start_child(bool filtered, start_fn *start, void *ctx, int ready, int out)
{
	struct err err = {0};
	char byte;
	int r;

	if (read(ready, &byte, 1) != 1)
		_exit(127);
	r = filtered ? calls_load_filter(&err) : 0;
	if (r == 0)
		r = start(ctx, &err);
	if (write(out, &r, sizeof r) == sizeof r)
		if (write(out, err.text, strlen(err.text) + 1) < 0)
			_exit(127);
	_exit(127);
}

static int seize_child(pid_t pid, struct err *err)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP |
			     PTRACE_O_EXITKILL;

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

static int run_traced(struct tracer *t, start_fn *start, void *ctx)
{
	AUTO_FD int ready = -1, go = -1, words = -1, out = -1;
	struct sigaction before[HELD];
	int pipes[2], r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(t->err, errno, "cannot create a pipe");
	ready = pipes[0];
	go = pipes[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(t->err, errno, "cannot create a pipe");
	words = pipes[0];
	out = pipes[1];
	t->program = fork();
	if (t->program < 0)
		return err_sys(t->err, errno, "cannot start a process");
	if (t->program == 0)
		start_child(t->filtered, start, ctx, ready, out);
	close(out);
	out = -1;
	hold_signals(t->way, before);
	r = seize_child(t->program, t->err);
	if (r == 0 && write(go, "", 1) != 1)
		r = err_sys(t->err, errno, "cannot start the program");
	if (r == 0)
		r = trace_all(t);
	if (r < 0) {
		kill(t->program, SIGKILL);
		each_thread(t, kill_thread);
	}
	restore_signals(t->way, before);
	if (r < 0)
		return r;
	r = read_child_error(words, t->err);
	t->result.not_executed = r < 0;
	return r;
}

/* Frees the processes whose end was not seen, after an error too. */
static int report_rest(struct tracer *t, int r)
{
	struct err ignored = {0}, *err = t->err;

	for (size_t i = 0; i < TRACEE_BUCKETS; i++)
		while (t->tracees.buckets[i]) {
			int failed;

			t->err = r < 0 ? &ignored : err;
			failed = remove_thread(t, t->tracees.buckets[i]->tid, 0);
			r = r < 0 ? r : failed;
		}
	return r;
}

static void tracer_free(struct tracer *t)
{
	tracees_free(&t->tracees);
}

int trace_run(enum trace_way way, start_fn *start, void *ctx, const struct trace_consumer *consumer,
	      void (*left)(size_t processes), struct trace_result *out, struct err *err)
{
	CLEANUP(tracer_free)
	struct tracer t = {.way = way,
			   .filtered = way == TRACE_FILTERED && calls_can_filter(),
			   .consumer = consumer,
			   .left = left,
			   .err = err};
	int r = calls_prepare(err);

	fflush(NULL); /* otherwise the child would write the buffers, too */
	if (r == 0)
		r = report_rest(&t, run_traced(&t, start, ctx));
	*out = t.result;
	return r;
}
