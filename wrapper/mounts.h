/*
 * The view that the caller is in, if they are in one: its mounts have to go before another view is
 * built. To read the mount table (base/mountinfo.h) costs as much as half of all else, so it is read
 * where it matters.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct mounts {
	/* Where the inherited view has its mounts, in the order of the table: its overlays
	 * (source, type, topmost at their place) and the files of real programs (the mount's root
	 * ends in "/.pinlib/NAME" and its place in "/NAME"). */
	const char **inherited;
	size_t ninherited;
};

/* Whether the caller may be in a view: in each, "/" is nosuid (namespace_private). It may be so
 * elsewhere; and true where it cannot be told. */
bool mounts_in_view(void);

/* The strings and lists live in static memory. -ENOENT if there is no /proc. */
int mounts_read(struct mounts *out, struct err *err);
