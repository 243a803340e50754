/* The default directories of a glibc loader, read out of its own file. They are set when glibc is
 * configured and differ from build to build: /lib32 and others for the i386 loader of an amd64
 * Debian, /lib64 elsewhere. glibc keeps them in one string, system_dirs (elf/dl-load.c). */
#pragma once

#include "base/strings.h"

#define DEFAULT_DIRS_MAX 16  /* directories of one loader */
#define DEFAULT_DIR_SIZE 256 /* bytes of one, with its NUL */

/* Appends the directories without the '/' at their ends; none if the file holds no such list. This
 * parses the file in the calling process; readers_default_dirs (elf/readers.h) decides who does. */
int default_dirs_parse(int fd, struct strings *out, struct err *err);
