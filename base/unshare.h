/* Into a view, without a plan: for trying one out, and for services. What is mounted, and in which
 * order, is what the wrapper mounts at a launch (wrapper/namespace.c); both use base/cover.h. The calling
 * process has one thread and CAP_SYS_ADMIN. */
#pragma once

#include "base/err.h"
#include "base/sysroot.h"

/* Gives the calling process a mount namespace of its own, in which nothing is setuid. What the host
 * mounts later comes there, and nothing of it shows outside. */
int unshare_private(struct err *err);

/* Mounts there what sysroot says; the covers are as covers_lay wants them. After a failure the process
 * sees something between, and has to end or to leave the namespace. */
int unshare_lay(const struct sysroot *sysroot, struct err *err);

/* Both. */
int unshare_sysroot(const struct sysroot *sysroot, struct err *err);
