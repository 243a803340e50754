/*
 * Runs a program and records the libraries that it and all processes that it starts map, and the files that they read.
 *
 * All its calls stop for the tracer (trace/trace.h). So the shortest use is recorded: a library that is closed again, a
 * child that lives for a millisecond. The alternatives record less: an auditing library runs inside the program, and
 * misses static programs and other loaders; fanotify(7) reports nothing in the wrapper's mount namespace; polling
 * /proc/PID/maps misses libraries between two polls.
 */
#pragma once

#include "base/err.h"
#include "trace/trace.h"

#include <stdbool.h>
#include <stddef.h>

struct observed {
	char *path; /* the file's path without links, as the process saw it */
	char *exe;  /* the path of the program that used it, also as the process saw it */
	bool live;  /* the live system has the same file at path */
};

/* Each pair of path and exe is once in a list. */
struct observation {
	struct observed *items; /* mapped: only files that a loader would load */
	size_t count;
	/* Regular files that were opened for reading, mapped ones too, but none that the program wrote, and none below /proc,
	 * /sys, /dev, /run, /tmp, /home and /root. Programs that were only executed are not among them. */
	struct observed *opened;
	size_t nopened;
	int status;    /* of the program, as waitpid(2) gives it */
	size_t run_on; /* the number of processes that go on untraced */
};

/* Returns when the program and all processes that it started have ended; daemons are released before (TRACE_ALL_CALLS). A
 * setuid program that it starts is traced, and setuid, if the caller may trace it (as root). The caller has one thread and
 * no other children. */
int observation_run(start_fn *start, void *ctx, struct observation *out, struct err *err);
void observation_free(struct observation *o);
#define AUTO_OBSERVATION CLEANUP(observation_free)
