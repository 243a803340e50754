/* Loaders: which one a program has, and where it looks for libraries (ld.so(8); glibc's
 * elf/dl-load.c; musl's ldso/dynlink.c). Defaults that differ from one build of a loader to the next
 * are read out of its own file. */
#pragma once

#include "base/strings.h"
#include "base/sysroot.h"
#include "elf/elf.h"
#include "elf/readers.h"
#include "loader/ldcache.h"

#include <limits.h>

enum loader_kind {
	LOADER_GLIBC,
	LOADER_MUSL,
	LOADER_NONE,  /* a static program has none */
	LOADER_OTHER, /* pinlib does not know its rules */
};

struct loader {
	enum loader_kind kind;
	int class, machine;
	char *path; /* PT_INTERP, or the usual path of such a loader */
	bool there;
	struct ldso_facts ldso;	 /* of a glibc loader; without its file, of the newest */
	struct strings defaults; /* directories; glibc's are those of ldso; musl's sys_path */
	struct strings subdirs;	 /* hwcaps_subdirs */
	struct strings hwcaps;	 /* names of those below glibc-hwcaps, best first */
	char lib[64];		 /* value of $LIB */
	const char *platform;	 /* value of $PLATFORM */
	struct ldcache_wish wish;
};

/* True if nothing is loaded for the program. */
bool loader_is_static(const struct elf *program);

/* PT_INTERP; for libraries and static programs the usual loader of such programs, "" if pinlib does
 * not know it. */
void loader_path(const struct sysroot *sysroot, const struct elf *program, char out[PATH_MAX]);

/* Makes the loader of a program. path is loader_path's; elf is that file, NULL if it does not exist.
 * *out keeps nothing of the arguments; the caller frees it. */
int loader_make(const struct sysroot *sysroot, struct readers *readers, const struct elf *program,
		const char *path, const struct elf *elf, struct loader **out, struct err *err);
void loader_free(struct loader *loader);
