/* The mounts of the view that the caller is in, if they are in one: they must be unmounted before another view is
 * built. The mount table (base/mountinfo.h) is read only where it matters, since reading it takes half as long as all
 * other work of a launch. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct mounts {
	/* The paths of the inherited view's mounts, in the order of the table: its overlays (by type and source, if
	 * no mount is on top), and the originals of wrapped programs (the mount's root ends in "/.pinlib/NAME" and
	 * its path in "/NAME"). NULL: the table was not read, since the caller is in no view. */
	const char **inherited;
	size_t ninherited;
};

/* Whether the caller may be in a view: in every view "/" is nosuid (namespace_private). "/" may be nosuid elsewhere, too.
 * True if that cannot be found out. */
bool mounts_in_view(void);

/* The strings and the list are in static memory. -ENOENT if there is no /proc. */
int mounts_read(struct mounts *out, struct err *err);
