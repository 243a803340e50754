/*
 * The mount tables of all processes, read from /proc with libmount, and what of pinlib's stands in
 * them. The label of a view is in the source field of its overlays.
 *
 * Who may read /proc/PID/mountinfo at all may read it of every process; to know which namespace a
 * process is in takes the right to trace it. So an ordinary user sees the labels of all, and of
 * other users' processes cannot tell whether to believe them.
 *
 * Nothing is looked up in another process's namespace, so no filesystem of a user's is asked.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TABLES_BUFFER 16384 /* for what /proc would hand out by the kilobyte */

/* Whether a label says what pinlib's wrapper wrote. A mount namespace of our own user namespace
 * holds only what its root mounted. In a user namespace of their own any user can mount an overlay
 * and give it any source. */
enum trust { TRUST_YES, TRUST_UNKNOWN /* not ours to look at */, TRUST_NO };

/* One overlay of a view. Paths are as the kernel shows them to that process: below its root. */
struct overlay {
	char *label; /* without PINLIB_SOURCE */
	char *at;    /* where it is mounted */
	char *root;  /* which of its directories is there; "/" but for bind mounts of parts */
	char *layer; /* its upper lower directory, and the lower; NULL if the options ... */
	char *live;  /* ... do not have two */
	dev_t dev;   /* of the superblock: no two living ones have the same */
};

/* A view has 64 at most. Of a user's own namespace, who can make a hundred thousand, no more are
 * read: what was inherited comes first. */
#define OVERLAYS_MAX 128

/* The overlays of views in one table: at least one. */
struct mount_table {
	struct overlay *overlays;
	size_t count;
	enum trust trust;
};

void mount_table_free(struct mount_table *table);
#define AUTO_MOUNT_TABLE CLEANUP(mount_table_free)

/* The overlays that stand ready for services, below PINLIB_UNITS: in the namespace of process 1, where they
 * are made, wherever the calling process is; in no table below. *out is freed with
 * mount_table_free. */
int tables_ready(struct mount_table *out, struct err *err);

struct tables;

/* -EBADMSG if /proc is not what it should be. */
int tables_open(struct tables **out, struct err *err);
void tables_close(struct tables **tables);
#define AUTO_TABLES CLEANUP(tables_close)

/* True if this /proc leaves processes out (hidepid): the first one is not to be seen. */
bool tables_hidden(const struct tables *tables);

/* One process. What it points to lives until the next call or tables_close; the mount tables
 * themselves until tables_close. */
struct process_tables {
	pid_t pid;
	int dir;       /* /proc/PID: stays this process's, whoever gets its number next */
	char task[32]; /* "task/TID": a thread that has a view; the first one may have ended */
	const struct mount_table **views; /* of its threads; those without views are left out */
	size_t count;
	int failed; /* 0, or why the tables are not all there; the text is in err */
};

/* The next process: 1, or 0 after the last, or a negative error if the list itself cannot be read.
 * One that vanishes has no tables. */
int tables_next(struct tables *tables, struct process_tables *out, struct err *err);

/* That one. -ESRCH if there is none. pid may be any of its threads'; 0 is the caller. */
int tables_one(struct tables *tables, pid_t pid, struct process_tables *out, struct err *err);

/* What to think of an overlay of that table: the table's trust; but one in an untrusted table was
 * inherited if a trusted one, among those read, has the very same. */
enum trust tables_trust(const struct tables *tables, const struct mount_table *table,
			const struct overlay *overlay);
