/*
 * Asks about other users' processes in child processes, which may hang and are then left behind.
 *
 * The kernel shows a process's program, root, namespaces and maps only while the process is not in an execve(2), and its
 * user can delay an execve as long as they like, for example with a close-on-exec descriptor on a FUSE file system that
 * does not answer a flush. So a child asks each question, and the caller gives up an answer that does not arrive.
 *
 * One child asks about all processes in turn, as long as it gets answers. When it hangs, a second child continues with
 * the next process, and when all children hang, three times as many more: so a thousand hanging processes take hardly
 * longer than one. Children hold no descriptor of the caller's except the socket for answers: no lock and no pipe. A
 * child that cannot be killed stays until the kernel answers it.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SURVEY_MS 900 /* how long one survey waits for processes that do not answer */
/* The same for files that the kernel shows without waiting, as far as we know. */
#define SURVEY_TABLES_MS 100

struct pids {
	pid_t *items;
	size_t count;
};
void pids_free(struct pids *pids);
#define AUTO_PIDS CLEANUP(pids_free)
int pids_add(struct pids *pids, pid_t pid, struct err *err);
void pids_sort(struct pids *pids);
/* Removes the others. Both lists are sorted. */
void pids_leave_out(struct pids *pids, const struct pids *others);

/* All processes, sorted. */
int pids_all(struct pids *out, struct err *err);

struct survey {
	/* In the child: writes an answer, or nothing. The caller does not see changes to ctx. */
	void (*ask)(void *ctx, pid_t pid, FILE *answer);
	/* In the caller: reads one answer, which is not empty. A negative error ends the survey. */
	int (*take)(void *ctx, pid_t pid, const char *answer, size_t len, struct err *err);
	void *ctx;
};

/* Asks about each process of the list, and adds to *silent those that do not answer, in the same order. Besides the time
 * for answers, takes ms at most. */
int survey_all(const struct survey *questions, const struct pids *of, unsigned int ms,
	       struct pids *silent, struct err *err);

/* -- answers -- */

void survey_put_number(FILE *answer, uint64_t number);
void survey_put_text(FILE *answer, const char *text); /* NULL and "" are different */

/* The unread rest of an answer. After a malformed item it is broken: every number is 0, and every text NULL. */
struct survey_answer {
	const char *at, *end;
	bool broken;
};
uint64_t survey_take_number(struct survey_answer *answer);
const char *survey_take_text(struct survey_answer *answer);
