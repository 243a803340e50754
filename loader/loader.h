/* Loaders: which one a program has, and where it looks. What differs from one build of a loader to
 * the next is read out of its own file. */
#pragma once

#include "base/strings.h"
#include "base/sysroot.h"
#include "elf/elf.h"
#include "loader/ldcache.h"
#include "loader/program.h"

#include <limits.h>

enum loader_kind {
	LOADER_GLIBC,
	LOADER_MUSL,
	LOADER_NONE,  /* a static program needs none */
	LOADER_OTHER, /* of whose rules nothing is known here */
};

/* A loader and its ways, found out of its own file where they stand there. */
struct loader {
	enum loader_kind kind;
	int class, machine;
	char *path; /* as PT_INTERP names it, or where such a loader usually is */
	bool there;
	struct strings defaults; /* glibc: without the '/' at their ends; musl: its sys_path */
	struct strings subdirs;	 /* hwcaps_subdirs */
	struct strings hwcaps;	 /* the names of those below glibc-hwcaps, best first */
	char lib[64];		 /* what $LIB is */
	const char *platform;	 /* what $PLATFORM is */
	struct ldcache_wish wish;
};

/* A static program has none. (One that is position-independent has a dynamic section, for itself.)
 */
bool loader_is_static(const struct elf *program);

/* PT_INTERP's; of a library, and of a static program, the one that such programs usually have: ""
 * if that is not known. */
void loader_path(const struct sysroot *sysroot, const struct elf *program, char out[PATH_MAX]);

/* The default directories that stand in a loader's file, at most LOADER_DEFAULTS, each shorter than
 * 256; none where it has no list of them, or cannot be read. Parses it: readers_defaults asks. */
#define LOADER_DEFAULTS 16
int loader_defaults(int fd, struct strings *out, struct err *err);

/* The program's loader at that path; loader is what its file says, NULL if it is not there. The
 * caller frees *out, which keeps nothing of what it was made from. */
struct readers;
int loader_make(const struct sysroot *sysroot, struct readers *readers, const struct elf *program,
		const char *path, const struct elf *loader, struct loader **out, struct err *err);
void loader_free(struct loader *loader);
