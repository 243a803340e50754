/* /etc/ld.so.conf: the directories that ldconfig puts into the loader's cache (ldconfig(8)). The
 * loader itself never reads it. */
#pragma once

#include "base/strings.h"
#include "base/sysroot.h"

/* Appends the directories that the file at path names, in their order. "include" with its globs is
 * followed, ten deep, up to a limit on all that is read. A file that cannot be read names none. */
int ldconf_dirs(const struct sysroot *sysroot, const char *path, struct strings *out,
		struct err *err);
