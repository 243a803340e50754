/* Building the view. CAP_SYS_ADMIN is effective in all of this, and what is not needed for a mount
 * is not here. After view_private every failure has to end the process: what the caller would get
 * is neither the live system nor the view. */
#pragma once

#include "base/err.h"
#include "plan/read.h"
#include "wrapper/mounts.h"

#include <sys/stat.h>

/* Before the capability is raised: are the layers there, root's and nobody else's? */
int view_check(const struct plan *plan, struct err *err);

/* Why no view can be built, whatever the rights: an older kernel, or a filter of the caller's
 * that says that mounts were cut off which are not. NULL: it can. A filter sees the registers of
 * a call and no memory, so the very call that view_private makes is made with what the
 * kernel refuses: nobody can say "done" to that, and let the other one through. */
const char *view_refused(void);

/* How many descriptors view_lay has open at once. */
size_t view_descriptors(const struct mounts *mounts);

/* A mount namespace of our own, to which the host's later mounts still come and from which nothing
 * goes back, and in which nothing is setuid. *wrapper is a descriptor of the caller's, for
 * view_lay: the wrapper's directory as it was before. */
int view_private(struct mounts *mounts, int *wrapper, struct err *err);

/* Takes the inherited view away. */
int view_strip(const struct mounts *mounts, struct err *err);

/* Lays the plan's covers and shows the real program at the app's path. Without a plan the live
 * system is left as it is. In both the wrapper itself is exempt from nosuid. -ESTALE: the program's
 * own file has gone since the plan was read, and nothing was laid yet. The mount table is read here
 * if it has not been and turns out to matter. */
int view_lay(const struct plan *plan, struct mounts *mounts, int wrapper, struct err *err);
