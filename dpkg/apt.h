/* Packages that apt knows, installed or not. config is an APT_CONFIG (apt.conf(5)) for apt to read;
 * NULL: the environment's. package is a name as apt takes it: "zlib1g", "libc6:i386". */
#pragma once

#include "base/strings.h"

/* Appends the names that begin with prefix. */
int apt_names(const char *prefix, const char *config, struct strings *out, struct err *err);

/* Appends the packages that one depends on. Virtual ones are left out. */
int apt_depends(const char *package, const char *config, struct strings *out, struct err *err);

/* Downloads a package's archive ("NAME", "NAME=VERSION") into the directory dir. apt has checked its
 * signature. */
int apt_download(const char *package, const char *config, const char *dir, struct err *err);
