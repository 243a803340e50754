/*
 * The changes that a run left in the upper directories of its scratch layer, compared with the live files. The format
 * is overlayfs's, see "Non-directories", "whiteouts and opaque directories" in
 * Documentation/filesystems/overlayfs.rst:
 *
 *	a character device 0:0           the name was removed
 *	user.overlay.opaque of a         "y": the directory was made anew, and shows nothing of the live one
 *	    directory
 *	user.overlay.origin of a file    the file began as a copy of a live file
 *
 * The overlays have no other features: no redirects, no files without data.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "ephemeral/scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum change_kind {
	CHANGE_ADDED,
	CHANGE_CHANGED,	   /* other content, or another type */
	CHANGE_ATTRIBUTES, /* the same content with another owner, mode, time or extended attribute */
	CHANGE_REMOVED,
};

struct file_change {
	enum change_kind kind;
	size_t tree; /* of scratch->trees */
	char *path;  /* in the tree, without a '/' at its start */
	bool had;    /* the live file exists now */
	bool copied; /* the new file began as a copy of a live one, of this name or another */
	struct timespec dir_changed; /* when a name in the live directory last came or went */
	struct stat before,
		after; /* of the live file if had; of the new one unless it is removed */
};

struct diff {
	struct file_change
		*items; /* in the order of the paths; a directory comes before its files */
	size_t count;
};

/* Adds the changes in the directory upper against the directory live, the roots of a tree. */
int diff_compare(size_t tree, int upper, int live, struct diff *out, struct err *err);

/* Reads all trees with the caller's rights; uppers[N] is from scratch_upper. -ESTALE: a live directory is
 * no longer the one that was covered. */
int diff_read(const struct scratch *scratch, const int *uppers, struct diff *out, struct err *err);

/* Opens the live directory of a tree; -ESTALE as above. */
int diff_live(const struct scratch *scratch, size_t tree, struct err *err);

/* The path on the live system. */
int diff_path(const struct scratch *scratch, const struct file_change *change, char *out,
	      struct err *err);

void diff_free(struct diff *changes);
#define AUTO_DIFF CLEANUP(diff_free)
