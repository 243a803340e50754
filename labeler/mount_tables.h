/*
 * The mount tables of all processes, read from /proc with libmount, and what of pinlib's stands in
 * them. The label of a view is in the source field of its overlays.
 *
 * Who may read /proc/PID/mountinfo at all may read it of every process; to know which namespace a
 * process is in takes the right to trace it. So an ordinary user sees the labels of all, and of
 * other users' processes cannot tell whether to believe them.
 *
 * Nothing is looked up in another process's namespace, so no filesystem of a user's is asked. All the same some
 * answers of /proc can keep the reader waiting for ever: but for the caller's own process, ask in a child (ask.h).
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MOUNT_TABLES_BUFFER 16384 /* for what /proc would hand out by the kilobyte */

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

/* Nor are more bytes read of such a table, and of all of them together. A hundred mounts have 15 kB. */
#define FOREIGN_MAX (1 << 20)
#define FOREIGN_ALL_MAX (16 << 20)

/* The overlays of views in one table: at least one. */
struct mount_table {
	struct overlay *overlays;
	size_t count;
	size_t read; /* bytes */
	enum trust trust;
	bool told; /* the reader's own */
};

void mount_table_free(struct mount_table *table);
#define AUTO_MOUNT_TABLE CLEANUP(mount_table_free)

/* The overlays that stand ready for services, below PINLIB_UNITS: in the namespace of process 1, where they
 * are made, wherever the calling process is; in no table below. *out is freed with
 * mount_table_free. */
int mount_tables_ready(struct mount_table *out, struct err *err);

/* That of a process, by its directory in /proc; whether it can be believed is not known (TRUST_NO). */
int mount_tables_read(int dir, struct mount_table *out, struct err *err);

/* Whether that process is in our own user namespace, or in one that has the same root. */
bool mount_tables_is_roots(int dir);

struct mount_tables;

/* -EBADMSG if /proc is not what it should be. */
int mount_tables_open(struct mount_tables **out, struct err *err);
void mount_tables_close(struct mount_tables **tables);
#define AUTO_MOUNT_TABLES CLEANUP(mount_tables_close)

/* True if this /proc leaves processes out (hidepid): the first one is not to be seen. */
bool mount_tables_hidden(const struct mount_tables *tables);

/* One process. What it points to lives until the next call or mount_tables_close; the mount tables
 * themselves until mount_tables_close. */
struct process_tables {
	pid_t pid;
	int dir;       /* /proc/PID: stays this process's, whoever gets its number next */
	char task[32]; /* "task/TID": a thread that has a view; the first one may have ended */
	struct mount_table **views; /* of its threads; those without views are left out */
	size_t count;
	int failed; /* 0, or why the tables are not all there; the text is in err */
};

/* From now on the tables of namespaces that are not root's are not read, and have no views. */
void mount_tables_ours_only(struct mount_tables *tables);

/* Overlays that a trusted table has, wherever that was read. */
struct believed {
	dev_t dev;
	char *label;
	struct believed *next;
};
/* Lives as long as tables. */
void mount_tables_believe(struct mount_tables *tables, const struct believed *believed);

/* That one. -ESRCH if there is none. pid may be any of its threads'; 0 is the caller. */
int mount_tables_one(struct mount_tables *tables, pid_t pid, struct process_tables *out,
		     struct err *err);

/* What to think of an overlay of that table: the table's trust; but one in an untrusted table was
 * inherited if it is among the believed. */
enum trust mount_tables_trust(const struct mount_tables *tables, const struct mount_table *table,
			      const struct overlay *overlay);
