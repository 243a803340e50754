/* Files as a view shows them: the live system, with layers over some of its directories as overlayfs merges them (a
 * layer's file wins, directories merge, a character device 0:0 or a link to PINLIB_HIDDEN hides a file). Links are followed
 * within the view, so a link from a layer to the live system, or from there into a layer, ends at the right file. */
#pragma once

#include "base/cover.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* All zero: the live system. The caller owns the strings. */
struct sysroot {
	const struct cover *covers; /* as in the plan: no target is below another */
	size_t ncovers;
	const char *app;   /* NULL, or a path in the view that shows ... */
	const char *real;  /* ... this file of the live system */
	const char *label; /* of the view: part of the source field of its overlays */
	const char *
		objects; /* of a sealed program: a directory whose files count as a layer's; NULL */
};

struct resolved {
	char path[PATH_MAX]; /* canonical, in the view */
	char file[PATH_MAX]; /* the path to open outside the view; equals path for a live file */
	const char *layer;   /* the cover's layer that has the file; NULL: it is live */
	const char *app;     /* the sysroot's app if the file is that, else NULL */
	struct stat st;
};

/* Resolves path, with its links; a relative path starts at the working directory. 0 or a negative errno. */
int sysroot_resolve(const struct sysroot *sysroot, const char *path, struct resolved *out);

/* The same for a name (not empty, without '/') in dir, a canonical path of the view. sysroot is not NULL. */
int sysroot_resolve_in(const struct sysroot *sysroot, const char *dir, const char *name,
		       struct resolved *out);

/* Opens path for reading, without waiting for a FIFO, and fills *st. Returns a descriptor or a negative errno. On the
 * live system this is faster than sysroot_resolve, since the kernel resolves the path. layer may be NULL. */
int sysroot_open(const struct sysroot *sysroot, const char *path, struct stat *st,
		 const char **layer);

/* Whether the sysroot is the live system. NULL is. */
bool sysroot_is_live(const struct sysroot *sysroot);
