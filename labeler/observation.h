/*
 * Watching a program run: which libraries it, and all that it starts, take into memory.
 *
 * The program is traced (ptrace(2)) from its first instruction to its end, every system call of
 * every thread and descendant, and the file of each mmap(2) is looked at while the call waits. So
 * nothing is too short-lived to be seen: a library that is closed again, a child that lives for a
 * millisecond. (An auditing library would run inside the program and miss static and other loaders;
 * fanotify(7) sees what is opened, not what is mapped, and not from a mount namespace that the
 * program's wrapper makes; /proc/PID/maps, looked at now and then, misses what came and went.) It
 * costs the program some 20 microseconds a system call.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct seen {
	char *path; /* of the library, canonical, as the process saw it */
	char *exe;  /* of the program that mapped it, in the same way */
	bool live;  /* what the process saw there is what the live system has there */
};

struct observation {
	struct seen *items; /* each pair once; files that no loader would load are not in it */
	size_t count;
	int status;    /* of the program, as waitpid(2) gives it */
	size_t run_on; /* processes that were left behind, unwatched */
};

/* In the child: becomes whom it has to, and executes the program. Returns only if it cannot. */
typedef int start_fn(void *ctx, struct err *err);

/* Returns when the program and what it started have ended. What goes into a session of its own (a
 * daemon) is let go when the program ends, and all the rest if SIGINT or SIGTERM comes after that;
 * before, these are the program's business alone. A setuid program that it starts is watched, and
 * setuid, if the caller may trace it (as root). The caller has one thread and no other children. */
int observation_run(start_fn *start, void *ctx, struct observation *out, struct err *err);
void observation_free(struct observation *o);
#define AUTO_OBSERVATION CLEANUP(observation_free)
