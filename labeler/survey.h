/*
 * Questions about other users' processes, asked where a hang can be left behind.
 *
 * The kernel answers for a process's program, root, namespaces and maps only while no execve(2) of it is under way;
 * and an execve can take as long as its user likes: while a close-on-exec descriptor of a FUSE file system is
 * flushed, for one. So each question is asked by a child, and an answer that does not come is given up.
 *
 * One child asks about all processes, one after the other, as long as answers come. When it gets stuck, a second
 * one goes on with the next process, and when all are, three times as many again: a thousand stuck processes cost
 * hardly more time than one. Children hold no descriptor of ours but the socket through which they answer, so no lock and no
 * pipe; those that cannot even be killed stay behind until their answer comes.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SURVEY_MS 900	     /* how long one round of questions may be kept waiting */
#define SURVEY_TABLES_MS 100 /* ... where the kernel does not wait, as far as we know */

struct pids {
	pid_t *items;
	size_t count;
};
void pids_free(struct pids *pids);
#define AUTO_PIDS CLEANUP(pids_free)
int pids_add(struct pids *pids, pid_t pid, struct err *err);
void pids_sort(struct pids *pids);
/* Both are sorted, as from pids_all. */
void pids_leave_out(struct pids *pids, const struct pids *others);

/* The numbers of all processes, sorted. */
int pids_all(struct pids *out, struct err *err);

struct survey {
	/* In the child: writes the answer; nothing, if there is nothing to say. Nothing that it changes in ctx is seen by the caller. */
	void (*ask)(void *ctx, pid_t pid, FILE *answer);
	/* In the caller: takes one answer apart that is not empty; a negative error ends it all. */
	int (*take)(void *ctx, pid_t pid, const char *answer, size_t len, struct err *err);
	void *ctx;
};

/* Asks of each process. Those that do not answer are added to *silent, in their order. Takes as long as the answers
 * take, if they come, and ms more. */
int survey_all(const struct survey *questions, const struct pids *of, unsigned int ms,
	       struct pids *silent, struct err *err);

/* -- answers -- */

void survey_put_number(FILE *answer, uint64_t number);
void survey_put_text(FILE *answer, const char *text); /* NULL is not "" */

/* What is left of one. Once it is broken, every number is 0 and every text NULL. */
struct survey_answer {
	const char *at, *end;
	bool broken;
};
uint64_t survey_take_number(struct survey_answer *answer);
const char *survey_take_text(struct survey_answer *answer);
