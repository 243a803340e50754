/* Into a view, without a plan: for trying one out, and for services. What is mounted, and in which
 * order, is what the wrapper mounts at a launch (wrapper/view.c); both use base/cover.h. The calling
 * process has one thread and CAP_SYS_ADMIN. */
#pragma once

#include "base/err.h"
#include "labeler/sight.h"

/* Gives the calling process a mount namespace of its own, in which nothing is setuid. What the host
 * mounts later comes there, and nothing of it shows outside. */
int enter_private(struct err *err);

/* Mounts there what sight says; the covers are as covers_lay wants them. After a failure the process
 * sees something between, and has to end or to leave the namespace. */
int lay_sight(const struct sight *sight, struct err *err);

/* Both. */
int enter_sight(const struct sight *sight, struct err *err);
