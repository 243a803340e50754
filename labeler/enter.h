/* Into a view, without a plan: for trying one out. What is mounted, and in which order, is what
 * the wrapper mounts at a launch (wrapper/view.c); both use base/overlay.h. */
#pragma once

#include "base/err.h"
#include "labeler/sight.h"

/* Gives the calling process, which has one thread and CAP_SYS_ADMIN, a mount namespace of its
 * own, in which it sees what sight says and in which nothing is setuid. Nothing of it shows
 * outside. After a failure the process sees something between and has to end. */
int enter_sight(const struct sight *sight, struct err *err);

/* Mounts the same where the calling process is: each covered directory is to be seen at places[i],
 * a directory, or, where places is NULL, at its own path; the program in the one that it is in.
 * What is done when it fails stays. */
int lay_sight(const struct sight *sight, const char *const *places, struct err *err);
