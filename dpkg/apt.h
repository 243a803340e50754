/* Packages that apt knows, installed or not. config is an APT_CONFIG (apt.conf(5)) for apt to read;
 * NULL: the environment's. package is a name as apt takes it: "zlib1g", "libc6:i386". */
#pragma once

#include "base/strings.h"

/* Each answer of apt-cache takes about as long whatever is asked, seconds where apt may keep no cache of its lists: so
 * ask for everything at once. */

/* Appends the names of all packages. */
int apt_names(const char *config, struct strings *out, struct err *err);

/* Appends the packages that any of these depends on. Virtual ones are left out, and unknown packages depend on none. */
int apt_depends(const struct strings *packages, const char *config, struct strings *out,
		struct err *err);

/* Downloads a package's archive ("NAME", "NAME=VERSION") into the directory dir. apt has checked its
 * signature. */
int apt_download(const char *package, const char *config, const char *dir, struct err *err);
