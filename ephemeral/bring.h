/*
 * Keeps the changes of a run as files, or brings them over to the live system, with the caller's rights alone.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "ephemeral/diff.h"
#include "ephemeral/scratch.h"

/* The two sides of all trees, and their changes, as diff_read found them. */
struct brought {
	const struct scratch *scratch;
	const int *uppers;
	const struct diff *changes;
};

/* Adds a sentence for each change that must not be brought over: the live file was changed or removed since the run
 * began, or has another type than the new one. A file's ctime shows changes: every change of a file and every rename
 * sets it, and no program can choose it. -ESTALE: the clock was set back during the run, so ctime shows nothing. */
int bring_check(const struct brought *b, struct strings *refused, struct err *err);

/* Brings all changes over, one file after the other: each is copied to a temporary name beside the live file, written to
 * the disk, and renamed. Removes files last. A file that changed after bring_check ends this with -ESTALE. *done is the
 * number of changes that were brought over, also after an error. */
int bring_over(const struct brought *b, size_t *done, struct err *err);

/* Makes the directory dir, or takes an empty one. -ENOTEMPTY: it has entries. */
int bring_prepare(const char *dir, struct err *err);

/*
 * Copies all changes into such a directory:
 *
 *	DIR/files/PATH   the added and changed files at their paths, with owner, mode, times and attributes
 *	DIR/removed      the removed paths, one a line; a newline in a name is "\012", a backslash "\134"
 *
 * Sockets are left out.
 */
int bring_keep(const struct brought *b, const char *dir, struct err *err);
