/* Builds a view without a plan, for `try` and for systemd services: the same mounts in the same order as the wrapper
 * makes at a launch (wrapper/namespace.c); both use base/cover.h. The caller has one thread and CAP_SYS_ADMIN. */
#pragma once

#include "base/err.h"
#include "base/sysroot.h"

/* Gives the calling process its own mount namespace, in which no program is setuid. Later mounts of the host
 * propagate into it, and none of its mounts propagate out. */
int unshare_private(struct err *err);

/* Mounts the sysroot in that namespace; its covers meet the conditions of covers_lay. After a failure the view is
 * incomplete, and the process must exit or leave the namespace. */
int unshare_lay(const struct sysroot *sysroot, struct err *err);

/* unshare_private, then unshare_lay. */
int unshare_sysroot(const struct sysroot *sysroot, struct err *err);
