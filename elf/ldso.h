/* The facts about a glibc loader that differ from one build or release to the next, read out of the
 * loader's own file. Its default directories are set when glibc is configured: /lib32 and others
 * for the i386 loader of an amd64 Debian, /lib64 elsewhere; glibc keeps them in one string,
 * system_dirs (elf/dl-load.c). The features are known by strings of messages and of the output of
 * --help. */
#pragma once

#include "base/strings.h"

#include <stdbool.h>

#define LDSO_DIRS_MAX 16  /* directories of one loader */
#define LDSO_DIR_SIZE 256 /* bytes of one, with its NUL */

struct ldso_facts {
	struct strings dirs; /* without the '/' at their ends; none if the file has no such list */
	bool hwcaps;	     /* glibc 2.33: searches subdirectories of glibc-hwcaps */
	bool legacy;	     /* before 2.37: searches tls, haswell and others */
	bool isa;	     /* 2.33: refuses files for a higher level of x86-64 (elf/isa.h) */
};

/* Fills *out, whose dirs are empty before, in the calling process; readers_ldso (elf/readers.h)
 * decides which process that is. */
int ldso_parse(int fd, struct ldso_facts *out, struct err *err);
void ldso_clear(struct ldso_facts *facts);
#define AUTO_LDSO CLEANUP(ldso_clear)
