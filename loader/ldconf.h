/* /etc/ld.so.conf: the directories that ldconfig would put into the loader's cache (ldconfig(8)).
 * The loader itself never reads it. */
#pragma once

#include "base/strings.h"
#include "base/sysroot.h"
#include "loader/program.h"

/* Appends the directories that path names, in their order; "include" with its globs is followed,
 * ten deep, up to a limit on all that is read. A file that is not there, or is none, names none. */
int ldconf_dirs(const struct sysroot *sysroot, const char *path, struct strings *out,
		struct err *err);
