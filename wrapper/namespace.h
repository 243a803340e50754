/* Builds the view in a new mount namespace. The functions that need CAP_SYS_ADMIN in the effective set say so. After
 * namespace_private every failure must end the process, which would see neither the live system nor the view. */
#pragma once

#include "base/err.h"
#include "plan/read.h"
#include "wrapper/mounts.h"

#include <stdbool.h>

/* -EPERM unless the plan's layers exist and only root can write them. Call it before the capability is raised. */
int namespace_check_layers(const struct plan *plan, struct err *err);

/* -EPERM unless only root can redirect the paths of the plan (may be NULL) and of the wrapper's directory
 * (base/trust.h). This held when the plan was written. The covers of an inherited view hide directories: call it again
 * after namespace_strip. */
int namespace_check_paths(const struct plan *plan, struct err *err);

/* Why no view can be built even with the capability: an older kernel, or a filter of the caller's that fakes success of
 * mount_setattr(2). NULL if there is no such reason. A filter sees the registers of a call but no memory, so this makes
 * the same call as namespace_private with a struct that the kernel refuses: no filter can fake only one of the two. */
const char *namespace_refused(void);

/* The same, with the capability raised: a security module that forbids this process to mount anything (landlock(7)). */
const char *namespace_forbidden(void);

/* The descriptors that are open at once while the view is built: the wrapper's directory, the original, and a temporary
 * one. Mounts below covered directories need more, see covers_lay. */
#define NAMESPACE_DESCRIPTORS 3

/* Creates the mount namespace: later mounts of the host propagate into it, none that the wrapper makes propagate out, and
 * no program in it is setuid. If the app may mount, its own mounts propagate out after namespace_lay, where the kernel
 * can do this (wrapper/peers.h). *wrapper is a copy of the wrapper's directory as it was before, for namespace_lay; the
 * caller closes it. Needs the capability. */
int namespace_private(const struct plan *plan, const struct mounts *mounts, bool may_mount,
		      int *wrapper, struct err *err);

/* Unmounts the inherited view. Needs the capability. */
int namespace_strip(const struct mounts *mounts, struct err *err);

/* Mounts the plan's covers, and the original at the app's path. With a NULL plan the live system stays. In both cases
 * the wrapper's directory is exempt from nosuid. -ESTALE: the original has gone since the plan was read, and nothing is
 * mounted yet. Needs the capability. */
int namespace_lay(const struct plan *plan, int wrapper, struct err *err);
