/*
 * Runs a program and reports the files that it and all processes that it starts use (trace/event.h).
 *
 * The program is traced (ptrace(2)) from its first instruction to its end: each thread and descendant stops at the calls
 * that name files, so the shortest use is reported. The tracer does not see io_uring(7), calls on descriptors that were
 * opened before the start, and calls that a filter of the program itself answers (SECCOMP_RET_USER_NOTIF).
 */
#pragma once

#include "trace/event.h"

/* Runs in the child: changes to the right user and executes the program. Returns only after an error. */
typedef int start_fn(void *ctx, struct err *err);

enum trace_way {
	/* Every call stops: some 20 microseconds each. Processes can be released: when the program ends, those in a session
	 * of their own (daemons), and at a later SIGINT or SIGTERM all the others. */
	TRACE_ALL_CALLS,
	/* Under a filter (trace/calls.h) only calls that name files stop, and not mmap(2). No process can be released: the
	 * trace ends with the last one. SIGTERM and SIGHUP are passed on to the program; a second one a second later, or one
	 * after the program's end, or a SIGINT then, kills all that still run. These two signals stay caught when trace_run
	 * returns, so that a report can be finished. A kernel without such filters gets TRACE_ALL_CALLS, but releases nobody. */
	TRACE_FILTERED,
};

struct trace_result {
	int status;	   /* of the program, as waitpid(2) gives it */
	size_t run_on;	   /* the number of processes that go on untraced */
	bool not_executed; /* the error is start's */
};

/* Returns when all traced processes have ended or were released. left is called once if processes still run when the
 * program has ended, with their number; it may be NULL. Before the program's end SIGINT and SIGQUIT are for the program
 * alone. A setuid program that it starts is setuid only if the caller may trace it (as root). The caller has one thread
 * and no other children. *out is filled also after an error. */
int trace_run(enum trace_way way, start_fn *start, void *ctx, const struct trace_consumer *consumer,
	      void (*left)(size_t processes), struct trace_result *out, struct err *err);
