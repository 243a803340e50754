/*
 * The owner, name and program of a process.
 *
 * A process controls its name and its program's path: they can contain any byte but NUL. Escape them when you print them.
 */
#pragma once

#include "labeler/survey.h"

#include <stdint.h>

/* With the NUL. Kernel threads have long names; a program's name has 16 bytes at most. */
#define WHO_NAME_MAX 64

struct who {
	pid_t pid;
	uid_t uid; /* effective */
	char name[WHO_NAME_MAX];
	char *program; /* the link /proc/PID/exe; NULL if it cannot be read or is not a path */
};
void who_free(struct who *who);

/* Opens the directory of a process in /proc, or returns -1 with errno. */
int who_open(pid_t pid);

/* The path of a thread's file below such a directory. task: "task/TID", or "." for the process itself. */
#define WHO_PATH_MAX 64
void who_path(const char *task, const char *name, char path[WHO_PATH_MAX]);

/* Fills all of out but program. Returns 1, or 0 if the process has ended. */
int who_read(int dir, const char *task, struct who *out);

/* Fills *program, or leaves it NULL. May hang: call it only in a child of labeler/survey.h. */
int who_read_program(int dir, const char *task, char **program, struct err *err);

/* The permitted capabilities, or 0 if they cannot be read. */
uint64_t who_capabilities(int dir, const char *task);

/* Writes who to an answer of labeler/survey.h, and reads it from one. */
void who_put(FILE *answer, const struct who *who);
int who_take(struct survey_answer *answer, struct who *out,
	     struct err *err); /* who_free frees *out */

struct whos {
	struct who *items;
	size_t count;
};
void whos_free(struct whos *silent);
int whos_take(struct whos *whos, struct survey_answer *answer, struct err *err); /* appends one */
int whos_move(struct whos *to, struct whos *from, struct err *err); /* appends all of them */

/* Fills out for processes that did not answer, with what can be read without waiting. Leaves out those that have
 * ended. */
int silent_name(const struct pids *pids, struct whos *out, struct err *err);
