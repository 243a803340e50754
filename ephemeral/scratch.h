/*
 * Scratch layers: the files that one run of a program writes (`try --scratch`).
 *
 * The program runs in a copy of the mount tree. There each directory tree of the live system is the lower directory of
 * an overlay whose upper directory is in the scratch directory:
 *
 *	DIR/N/upper, DIR/N/work   of the N-th tree
 *	DIR/root                  the place where the copy of the mount tree is put together; empty outside
 *
 * The overlays use user.overlay.* attributes (option userxattr), because trusted.overlay.* means nothing in a user
 * namespace. ephemeral/tree.h builds the copy, and ephemeral/diff.h reads the upper directories afterwards.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

/* One covered directory tree of the live system. */
struct scratch_tree {
	char path[PATH_MAX]; /* without links */
	dev_t dev;	     /* of this directory */
	ino_t ino;
	bool covered; /* false: the overlay could not be mounted, so the upper directory is empty */
};

#define SCRATCH_TREES_MAX 4096

/* Shared with the child process that mounts the overlays and becomes the program. */
struct scratch_trees {
	bool failed;		/* the program was not started */
	char why[ERR_TEXT_MAX]; /* it was not, if pinlib knows */
	bool unsaved;		/* its changes were to be kept or applied, and could not be */
	size_t count;
	struct scratch_tree items[SCRATCH_TREES_MAX];
};

struct scratch {
	char dir[PATH_MAX];
	int fd; /* of dir */
	struct scratch_trees *trees;
	struct timespec began, lived; /* by CLOCK_REALTIME and CLOCK_BOOTTIME */
};
#define SCRATCH_NONE ((struct scratch){.fd = -1})

/* Makes an empty scratch directory below $TMPDIR, /var/tmp or /tmp: the first whose file system can hold an overlay's
 * upper directory. fixed: do not use $TMPDIR. -EOPNOTSUPP: none of them can. */
int scratch_make(struct scratch *out, bool fixed, struct err *err);

/* In a new mount namespace: exchanges the descriptor of the directory for one that belongs to this namespace. */
int scratch_reopen(struct scratch *scratch, struct err *err);

/* Removes the directory, once no process runs in the copy of the mount tree, and frees the rest. */
int scratch_delete(struct scratch *scratch, struct err *err);
/* Frees only; the directory stays. */
void scratch_free(struct scratch *scratch);
#define AUTO_SCRATCH CLEANUP(scratch_free)

/* Makes the directories for the overlay over the directory live, which is at path. The upper directory gets the owner
 * and mode of live, or the caller's own rights there, if the caller may not give it to another user.
 * *upper and *work become descriptors. */
int scratch_cover(struct scratch *scratch, int live, const char *path, int *upper, int *work,
		  struct err *err);

/* Waits until each later change of a file has a time after began, which takes one tick of the kernel's clock. */
void scratch_settle(const struct scratch *scratch);

/* Opens the upper directory of a tree, once no process runs in the copy. *out stays -1 if it is empty. */
int scratch_upper(const struct scratch *scratch, size_t tree, int *out, struct err *err);
