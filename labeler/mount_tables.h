/*
 * The overlays of views in the mount tables of processes, read from /proc with libmount. The source field of an overlay
 * has the label of its view.
 *
 * Every user can read /proc/PID/mountinfo of every process, but only a user who may trace a process can find out its
 * namespace. So an ordinary user sees the labels of all processes, and cannot tell whether to believe those of other
 * users' processes.
 *
 * Nothing is looked up in another process's namespace, so no user's file system is asked. But some files of /proc can
 * block their reader for ever: except for the caller's own process, call this only in a child (labeler/survey.h).
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* For files of /proc, which would otherwise be read by the kilobyte. */
#define MOUNT_TABLES_BUFFER 16384

/* Whether pinlib's wrapper wrote a label. In the mount namespaces of our own user namespace only root mounts; in a user
 * namespace of their own, any user can mount an overlay with any source. From best to worst. */
enum trust { TRUST_YES, TRUST_UNKNOWN /* the caller may not find out */, TRUST_NO };

/* One overlay of a view. Paths start at the root directory of the process. */
struct overlay {
	char *label; /* without PINLIB_SOURCE */
	char *at;    /* the path that it is mounted on */
	char *root;  /* the mounted directory of it: "/", except in bind mounts of a part */
	char *layer; /* its first lower directory, and the second; NULL if the ... */
	char *live;  /* ... options do not name two */
	dev_t dev;   /* of its superblock: unique among those that exist now */
};

/* A view has 64 overlays at most. From a user's own namespace, which can have a hundred thousand, no more than this are
 * read: inherited ones come first. */
#define OVERLAYS_MAX 128

/* And no more bytes of one such table, and of all together. A hundred mounts take 15 kB. */
#define FOREIGN_MAX (1 << 20)
#define FOREIGN_ALL_MAX (16 << 20)

/* The overlays of views in one table. */
struct mount_table {
	struct overlay *overlays;
	size_t count;
	size_t read; /* how many bytes were read */
	enum trust trust;
	bool app_replaced; /* the view shows an app's original that an upgrade has replaced */
	bool told;	   /* for the caller's use */
};

void mount_table_free(struct mount_table *table);
#define AUTO_MOUNT_TABLE CLEANUP(mount_table_free)

/* The overlays that are prepared for services, below PINLIB_UNITS, in the mount namespace of process 1. No other function
 * returns these. mount_table_free frees *out. */
int mount_tables_ready(struct mount_table *out, struct err *err);

/* The table of a process, given its directory in /proc. Its trust is not determined, so it is TRUST_NO. */
int mount_tables_read(int dir, struct mount_table *out, struct err *err);

/* Whether the process is in our own user namespace, or in one with the same root. */
bool mount_tables_is_roots(int dir);

struct mount_tables;

/* A reader of tables, which remembers namespaces. -EBADMSG if /proc is not a procfs. */
int mount_tables_open(struct mount_tables **out, struct err *err);
void mount_tables_close(struct mount_tables **tables);
#define AUTO_MOUNT_TABLES CLEANUP(mount_tables_close)

/* Whether /proc hides processes (hidepid): process 1 is not visible. */
bool mount_tables_hidden(const struct mount_tables *tables);

/* The tables of one process. Valid until the next call of mount_tables_one; the struct mount_tables that it points to,
 * until mount_tables_close. */
struct process_tables {
	pid_t pid;
	int dir;       /* /proc/PID: never another process, even if PID is reused */
	char task[32]; /* "task/TID": a thread with a view; the first thread may have ended */
	struct mount_table **views; /* of its threads; tables without views are left out */
	size_t count;
	int failed; /* 0, or why tables are missing; the text is in err */
};

/* From now on, do not read tables of namespaces that are not root's. */
void mount_tables_ours_only(struct mount_tables *tables);

/* A list of overlays in trusted tables. */
struct believed {
	dev_t dev;
	char *label;
	struct believed *next;
};
/* The list must live as long as tables. */
void mount_tables_believe(struct mount_tables *tables, const struct believed *believed);

/* Reads the tables of a process; pid may be of any of its threads, 0 is the caller. -ESRCH: no such process. */
int mount_tables_one(struct mount_tables *tables, pid_t pid, struct process_tables *out,
		     struct err *err);

/* The trust in one overlay of a table: that of the table, except that an overlay of an untrusted table was inherited, and
 * is trusted, if it is in the believed list. */
enum trust mount_tables_trust(const struct mount_tables *tables, const struct mount_table *table,
			      const struct overlay *overlay);
