/* The subdirectories in which the loader looks first, in each directory of its search. */
#pragma once

#include "base/strings.h"
#include "loader/program.h"

#include <stdint.h>

/* Best first, and last "", the directory itself: "glibc-hwcaps/x86-64-v3", "tls/x86_64". Those that
 * the live loader takes on this processor for programs of that kind. Known for x86 only: for
 * others the list is "" alone. */
int hwcaps_subdirs(int class, int machine, struct strings *out, struct err *err);

/* What $PLATFORM is for them: "x86_64", "haswell", "i686"; "" if that is not known. */
const char *hwcaps_platform(int class, int machine);

/* The bits that a cache entry's hwcap may have for programs of that kind (as ldconfig before glibc
 * 2.37 gives them to the legacy names). */
uint64_t hwcaps_bits(int class, int machine);

/* The names of directories that glibc before 2.37 looked into on some x86; NULL after the last. */
const char *hwcaps_legacy(size_t n);
bool hwcaps_is_legacy(const char *name);
