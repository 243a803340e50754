/* The subdirectories in which the loader looks first, in each directory of its search. */
#pragma once

#include "labeler/program.h"

/* Best first, and last "", the directory itself: "glibc-hwcaps/x86-64-v3", "tls/x86_64". Those that
 * the live loader takes on this processor for programs of that kind. Known for x86 only: for
 * others the list is "" alone. */
int hwcaps_subdirs(int class, int machine, struct dirs *out, struct err *err);

/* Whether a directory's name is one of those that glibc before 2.37 looked into on some x86. */
bool hwcaps_is_legacy(const char *name);
