/*
 * What the caller's mount table (/proc/self/mountinfo, proc(5)) means for a view. To read it costs
 * as much as half of all else, so it is read where it matters: in a view, or where the
 * administrator mounted something below a covered directory.
 */
#pragma once

#include "base/err.h"
#include "plan/read.h"

#include <stdbool.h>
#include <stddef.h>

#define MOUNTS_MAX 512

struct mounts {
	bool read; /* else what follows is empty */
	/* Something lies on the wrapper's directory: a view did that, or the administrator. It is
	 * the same directory in both cases, and stays. */
	bool on_wrapper;
	size_t ninherited, nbelow;
	/* Mounts of the view that the caller is in, in the order of the table: its overlays
	 * (source, type, topmost at their place) and the files of real programs (the mount's root
	 * ends in "/.pinlib/NAME" and its place in "/NAME"). */
	const char **inherited;
	/* Where the administrator mounted something below covered directories: an overlay would
	 * hide it. Which of them can be seen is only known when the inherited view is gone. */
	const char **below;
};

/* Whether the caller may be in a view: in each, "/" is nosuid (view_private). It may be so
 * elsewhere; and true where it cannot be told. */
bool mounts_in_view(void);

/* plan may be NULL: then nothing is covered. The strings and lists live in static memory. -ENOENT
 * if there is no /proc. */
int mounts_read(const struct plan *plan, struct mounts *out, struct err *err);
