/*
 * Waits for a program as its shell would: it has the same terminal and process group, the terminal's signals reach it
 * directly, and it stops and goes on with it. Processes that it leaves behind are waited for, too.
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

/* In the child: gives it the signals that pinlib's caller gave, and lets it die with its parent. */
void attend_child(const struct attendance *a, pid_t parent);

/* Returns the exit status of the child, 128 + N if signal N killed it, or a negative error. Signals that were sent to
 * this process are sent on. left is called once if processes remain when the child has ended; SIGINT, SIGQUIT, SIGTERM
 * and SIGHUP then kill them. When it returns no process remains. */
int attend_wait(const struct attendance *a, pid_t child, void (*left)(void), struct err *err);
