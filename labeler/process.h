/*
 * The processes that run in a view: which view, and with which libraries.
 *
 * A process controls its program's path, its name, the files that it maps and, in a user namespace of its own, its label:
 * they can contain any byte but NUL. Escape them when you print them. Nothing is executed, and outside of /proc only
 * files in layers and covered directories are looked up.
 */
#pragma once

#include "base/err.h"
#include "labeler/maps.h"
#include "labeler/mount_tables.h"
#include "labeler/who.h"

/* A process and its label. If its threads are in different views, there is an item for each. */
struct process {
	struct who who;
	char *label;
	enum trust trust;
	bool app_stale; /* the app was replaced, and its path still shows the old file in the view */
	struct libraries libs;
	int libs_failed; /* 0, or why libs is empty; with TRUST_NO the libraries are not read */
};

struct processes {
	struct process *items; /* sorted by pid */
	size_t count;
	size_t unreadable;  /* the number of processes whose tables cannot be read */
	struct whos silent; /* processes that did not answer: they may have a label, too */
	bool hidden;	    /* /proc hides processes from this user */
};
/* Whether its app, its program or a library was replaced or deleted since. */
bool process_is_stale(const struct process *process);

void processes_free(struct processes *processes);
#define AUTO_PROCESSES CLEANUP(processes_free)

/* All processes with a label. Waits for processes that do not answer, SURVEY_MS at most. */
int processes_read(struct processes *out, struct err *err);

/* The labels of one process; none if it is in no view. -ESRCH: there is no such process; -ETIMEDOUT: it does not answer;
 * other errors: its tables cannot be read. */
int processes_read_one(pid_t pid, struct processes *out, struct err *err);
