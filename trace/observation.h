/*
 * Runs a program and records the libraries that it, and all processes that it starts, map.
 *
 * The program is traced (ptrace(2)) from its first instruction to its end: each system call of each thread and
 * descendant stops, and the file of each mmap(2) is examined during the stop. So the shortest use is recorded: a library
 * that is closed again, a child that lives for a millisecond. It costs the program some 20 microseconds per system call.
 * The alternatives record less: an auditing library runs inside the program, and misses static programs and other
 * loaders; fanotify(7) reports opened files and not mapped ones, and none in the wrapper's mount namespace; polling
 * /proc/PID/maps misses libraries between two polls.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct observed {
	char *path; /* the library's canonical path, as the process saw it */
	char *exe;  /* the path of the program that mapped it, also as the process saw it */
	bool live;  /* the live system has the same file at path */
};

struct observation {
	struct observed *items; /* each pair once; only files that a loader would load */
	size_t count;
	int status;    /* of the program, as waitpid(2) gives it */
	size_t run_on; /* the number of processes that go on untraced */
};

/* Runs in the child: changes to the right user and executes the program. Returns only after an error. */
typedef int start_fn(void *ctx, struct err *err);

/* Returns when the program and all processes that it started have ended. When the program ends, processes in a session
 * of their own (daemons) are released, and at a later SIGINT or SIGTERM all the others; before, these signals are for
 * the program alone. A setuid program that it starts is traced, and setuid, if the caller may trace it (as root). The
 * caller has one thread and no other children. */
int observation_run(start_fn *start, void *ctx, struct observation *out, struct err *err);
void observation_free(struct observation *o);
#define AUTO_OBSERVATION CLEANUP(observation_free)
