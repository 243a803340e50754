/* Building the view. CAP_SYS_ADMIN is effective in what says so, and what is not needed for a mount
 * is not here. After namespace_private every failure has to end the process: what the caller would get
 * is neither the live system nor the view. */
#pragma once

#include "base/err.h"
#include "plan/read.h"
#include "wrapper/mounts.h"

/* Are the plan's layers there, root's and nobody else's? Before the capability is raised. */
int namespace_check_layers(const struct plan *plan, struct err *err);

/* Does root alone decide where the paths of the plan, which may be NULL, and the wrapper's directory
 * lead (base/trust.h)? Root did when the plan was made. The covers of an inherited view hide what
 * they lie on: ask again when they are gone. */
int namespace_check_paths(const struct plan *plan, struct err *err);

/* Why no view can be built, whatever the rights: an older kernel, or a filter of the caller's
 * that says that mounts were cut off which are not. NULL: it can. A filter sees the registers of
 * a call and no memory, so the very call that namespace_private makes is made with what the
 * kernel refuses: nobody can say "done" to that, and let the other one through. */
const char *namespace_refused(void);

/* The same, with the capability: a security module that lets this process mount nothing
 * (landlock(7)). */
const char *namespace_forbidden(void);

/* How many descriptors are open at once while the view is built: the wrapper, the program, and one of
 * the moment. Where something is mounted below covered directories it takes more, see covers_lay. */
#define NAMESPACE_DESCRIPTORS 3

/* A mount namespace of our own, to which the host's later mounts still come and from which nothing
 * goes back, and in which nothing is setuid. *wrapper is a descriptor of the caller's, for
 * namespace_lay: the wrapper's directory as it was before. The capability is effective. */
int namespace_private(int *wrapper, struct err *err);

/* Takes the inherited view away. The capability is effective. */
int namespace_strip(const struct mounts *mounts, struct err *err);

/* Lays the plan's covers and shows the real program at the app's path. Without a plan the live
 * system is left as it is. In both the wrapper itself is exempt from nosuid. -ESTALE: the program's
 * own file has gone since the plan was read, and nothing was laid yet. The capability is effective. */
int namespace_lay(const struct plan *plan, int wrapper, struct err *err);
