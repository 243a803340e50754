/*
 * Whose process it is, and what it runs.
 *
 * What the process controls (its name, its program's path) is handed on as it is, bytes of any value but NUL: escape
 * it where it is printed.
 */
#pragma once

#include "labeler/survey.h"

#include <stdint.h>

#define WHO_NAME_MAX 64 /* of the kernel's, with the NUL; a program's has 16 at most */

struct who {
	pid_t pid;
	uid_t uid; /* effective */
	char name[WHO_NAME_MAX];
	char *program; /* as /proc/PID/exe shows it, NULL if it may not be read or has no path */
};
void who_free(struct who *who);

/* Of the process in the directory dir of /proc, by its thread ("task/TID", or "." for the process itself); program is
 * not touched. 1, or 0 if it has ended. */
int who_read(int dir, const char *task, struct who *out);

/* The program, or NULL. Only where hanging does no harm: see ask.h. */
int who_read_program(int dir, const char *task, char **program, struct err *err);

/* Its permitted capabilities; 0 if they cannot be known. */
uint64_t who_capabilities(int dir, const char *task);

void who_put(FILE *answer, const struct who *who);
/* *out is freed with who_free. */
int who_take(struct survey_answer *answer, struct who *out, struct err *err);

/* Names those that did not answer: of each, what can be had without waiting. One that has ended is left out. */
struct silent {
	struct who *items;
	size_t count;
};
void silent_free(struct silent *silent);
#define AUTO_SILENT CLEANUP(silent_free)
int silent_name(const struct pids *pids, struct silent *out, struct err *err);
