/* Files as a view shows them: the live system, or layers laid over its directories as overlayfs
 * lays them (a layer's file wins, directories merge, a character device 0:0 hides). Links are
 * followed inside the view, so that a path that leads out of a layer, or into one, is right. */
#pragma once

#include "base/cover.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* All zero: the live system. Strings are the caller's. */
struct sysroot {
	const struct cover *covers; /* as in the plan: none lies below another */
	size_t ncovers;
	const char *app;   /* NULL, or the path at which ... */
	const char *real;  /* ... this file of the live system is to be seen */
	const char *label; /* of the view: what stands in the source field of its overlays */
};

struct resolved {
	char path[PATH_MAX]; /* canonical, in the view */
	char file[PATH_MAX]; /* where it lies outside the view: what to open; the same if it is live
			      */
	const char *layer;   /* that it comes from: the cover's string; NULL: live */
	const char *app;     /* its path in the view, if it is the sysroot's app; else NULL */
	struct stat st;
};

/* What path leads to, links followed. Relative ones go from the working directory. 0 or a negative
 * errno. */
int sysroot_resolve(const struct sysroot *sysroot, const char *path, struct resolved *out);

/* The same for a name, not empty and without a '/', in a directory of which the canonical path is
 * known already. sysroot is not NULL. */
int sysroot_resolve_in(const struct sysroot *sysroot, const char *dir, const char *name,
		       struct resolved *out);

/* As sysroot_resolve, but a link to the wrapper is not followed: it is an app, whose own file is found beside
 * it (host/wrap.h). For programs; where no view shows it already. */
int sysroot_resolve_program(const struct sysroot *sysroot, const char *path, struct resolved *out);

/* Opens what path leads to for reading, without waiting for it (a FIFO), and tells what it is. A
 * descriptor or a negative errno. Shorter than sysroot_resolve(): canonical paths are not found out. layer may
 * be NULL. */
int sysroot_open(const struct sysroot *sysroot, const char *path, struct stat *st,
		 const char **layer);

/* True if nothing is laid over the live system. */
bool sysroot_is_live(const struct sysroot *sysroot);
