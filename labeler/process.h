/*
 * Processes: which of them run in a view, in which, and with which libraries.
 *
 * All that a process controls (its program's path, its name, what it maps, in a user namespace of
 * its own the label) is handed on as it is, bytes of any value but NUL: escape it where it is
 * printed. Nothing is executed, and no file is opened outside of /proc but to stat(2) what lies in
 * the layers and the directories that they cover.
 */
#pragma once

#include "base/err.h"
#include "labeler/maps.h"
#include "labeler/mount_tables.h"
#include "labeler/who.h"

/* One label of one process. One whose threads are in different views is there for each. */
struct process {
	struct who who;
	char *label;
	enum trust trust;
	struct libraries libs;
	int libs_failed; /* 0, or why they are not known; with TRUST_NO they are not looked at */
};

struct processes {
	struct process *items; /* in the order of /proc: by number */
	size_t count;
	size_t unreadable;    /* of so many others it is not known whether they have a label */
	struct silent silent; /* nor of these, which did not answer */
	bool hidden;	      /* /proc does not show all processes to this user */
};
void processes_free(struct processes *processes);
#define AUTO_PROCESSES CLEANUP(processes_free)

/* All with a label. Takes SURVEY_MS longer at most than the processes that answer. */
int processes_read(struct processes *out, struct err *err);

/* The labels of that one; count 0: it has none. -ESRCH: there is no such process; -ETIMEDOUT: it does not
 * answer; other negative errors: its tables cannot be read. */
int processes_read_one(pid_t pid, struct processes *out, struct err *err);
