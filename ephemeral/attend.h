/*
 * Waits for a program as its shell would. The program has the terminal and process group of this process, so the
 * terminal's signals reach it directly; this process stops and goes on with it, and also waits for the processes that the
 * program leaves behind.
 */
#pragma once

#include "base/err.h"

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

struct attendance {
	sigset_t mask; /* before */
};

/* Called before fork(2): holds signals back, and adopts all processes that the program leaves behind. */
int attend_begin(struct attendance *a, struct err *err);

/* In the child: restores the caller's signals, and has the kernel kill the child when its parent dies. */
void attend_child(const struct attendance *a, pid_t parent);

/* Returns the exit status of the child, 128 + N if signal N killed it, or a negative error. Signals that this process
 * gets are passed on to the child. left is called once if processes remain when the child has ended; SIGINT, SIGQUIT, SIGTERM
 * and SIGHUP then kill them. When it returns no process remains. */
int attend_wait(const struct attendance *a, pid_t child, void (*left)(void), struct err *err);
