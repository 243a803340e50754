/* Files as a view shows them: the live system, or layers laid over its directories as overlayfs
 * lays them (a layer's file wins, directories merge, a character device 0:0 hides). Links are
 * followed inside the view, so that a path that leads out of a layer, or into one, is right. */
#pragma once

#include "labeler/sight.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

struct looked {
	char path[PATH_MAX]; /* canonical, in the view */
	char file[PATH_MAX]; /* where it lies outside the view: what to open; the same if it is live
			      */
	const char *layer;   /* that it comes from: the cover's string; NULL: live */
	const char *app;     /* its path in the view, if it is the sight's app; else NULL */
	struct stat st;
};

/* What path leads to, links followed. Relative ones go from the working directory. 0 or a negative
 * errno. */
int look(const struct sight *sight, const char *path, struct looked *out);

/* The same for a name, not empty and without a '/', in a directory of which the canonical path is
 * known already. sight is not NULL. */
int look_in(const struct sight *sight, const char *dir, const char *name, struct looked *out);

/* As look, but a link to the wrapper is not followed: it is an app, whose own file is found beside
 * it (policy/wrap.h). For programs; where no view shows it already. */
int look_program(const struct sight *sight, const char *path, struct looked *out);

/* Opens what path leads to for reading, without waiting for it (a FIFO), and tells what it is. A
 * descriptor or a negative errno. Shorter than look(): canonical paths are not found out. layer may
 * be NULL. */
int look_open(const struct sight *sight, const char *path, struct stat *st, const char **layer);

/* True if nothing is laid over the live system. */
bool sight_is_live(const struct sight *sight);
