/*
 * What the caller's mount table (/proc/self/mountinfo, proc(5)) means for a view: read before
 * anything is changed, and only decided here.
 */
#pragma once

#include "base/err.h"
#include "plan/read.h"

#include <stdbool.h>
#include <stddef.h>

#define MOUNTS_MAX 512

struct mounts {
	/* Mounts of the view that the caller is in, in the order of the table: its overlays
	 * (source, type, topmost at their place) and the files of real programs (the mount's root
	 * ends in "/.pinlib/NAME" and its place in "/NAME"). */
	const char *inherited[MOUNTS_MAX];
	size_t ninherited;
	/* Where the administrator mounted something below covered directories: an overlay would
	 * hide it. Which of them can be seen is only known when the inherited view is gone. */
	const char *below[MOUNTS_MAX];
	size_t nbelow;
	/* Something lies on the wrapper's directory: a view did that, or the administrator. It is
	 * the same directory in both cases, and stays. */
	bool on_wrapper;
};

/* plan may be NULL: then nothing is covered. The strings live in static memory. -ENOENT if there is
 * no /proc. */
int mounts_read(const struct plan *plan, struct mounts *out, struct err *err);
