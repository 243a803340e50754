/* The hwcaps subdirectories in which the loader looks first, in each directory (ld.so(8), "Hardware
 * capabilities"; glibc's elf/dl-hwcaps.c, sysdeps/x86_64/dl-hwcaps_subdirs.c, sysdeps/x86/
 * cpu-features.c). */
#pragma once

#include "elf/ldso.h"

#include <stdint.h>

/* Subdirectories of a loader for programs of that kind on this processor, best first, and last "",
 * the directory itself: "glibc-hwcaps/x86-64-v3", "tls/x86_64". Known for x86 only; for others ""
 * alone. */
int hwcaps_subdirs(int class, int machine, const struct ldso_facts *ldso, struct strings *out,
		   struct err *err);

/* The value of $PLATFORM for them: "x86_64", "haswell", "i686"; "" if it is not known. */
const char *hwcaps_platform(int class, int machine);

/* The bits that the hwcap of a cache entry for them may have: ldconfig before glibc 2.37 gives one to
 * each legacy name. */
uint64_t hwcaps_bits(int class, int machine, const struct ldso_facts *ldso);

/* The n-th name of a directory that glibc before 2.37 looks into on some x86; NULL after the last. */
const char *hwcaps_legacy(size_t n);
bool hwcaps_is_legacy(const char *name);
