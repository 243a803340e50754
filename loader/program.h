/* Programs: ELF files and scripts, and where the loader looks for their libraries. */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "base/sysroot.h"
#include "elf/info.h"

#include <limits.h>
#include <stdbool.h>

enum program_kind { PROGRAM_ELF, PROGRAM_SCRIPT };

struct program {
	enum program_kind kind;
	char shebang[INFO_SHEBANG]; /* scripts: the first line after "#!", trimmed */
	char interpreter
		[PATH_MAX];  /* scripts: the ELF program that runs it, canonical; interpreters
				       that are scripts are followed (elf/shebang.h), more than
				       the kernel takes are -ELOOP */
	struct strings way;  /* scripts: all live programs that are started on the way to the
				       interpreter, env(1) and scripts too, and it itself */
	struct elf elf;	     /* of the program, or of the script's interpreter */
	char file[PATH_MAX]; /* where elf was read */
	bool shown; /* the functions below take this file to be at the program's path: it is the
		       source's, or the caller says so; false: the live file is there */
	struct libdirs *libdirs; /* found by the first program_places; NULL before */
};

/* The canonical path of the program that a name leads to. Relative names start from the working directory. -ENOENT. */
int program_canonical(const char *name, char out[PATH_MAX], struct err *err);

/* Interpreters that the live system need not have: those of pinned versions. */
struct program_source {
	/* Whether the source decides about path: canonical gets the path behind its links, file the
	 * file to read. */
	bool (*find)(void *ctx, const char *path, char canonical[PATH_MAX], char file[PATH_MAX]);
	void *ctx;
};

/* Reads the file at path: the caller passes the own file of a wrapped program. A wrapped interpreter
 * is read where wrapping keeps it. -ENOEXEC: neither ELF nor a script with a #! line. */
int program_read(const char *path, struct program *out, struct err *err);

/* The same with interpreters of the source, which may be NULL. */
int program_read_from(const char *path, const struct program_source *source, struct program *out,
		      struct err *err);
void program_free(struct program *program);
#define AUTO_PROGRAM CLEANUP(program_free)

/*
 * Every directory of the live system in which the loader, on its way from this program, may choose
 * a file called soname and of the program's architecture; only those that hold one now. These are:
 *
 *	directories of DT_RPATH and DT_RUNPATH of the program and of all that it loads, tokens
 *	expanded; relative ones, which mean the caller's working directory, are left out
 *	directories of the loader cache's entries for soname and of the architecture
 *	the default directories
 *	also, the caller's, which may be NULL
 *	below each of these the subdirectories for any processor, since the next start may be on
 *	another one: of glibc-hwcaps, and the legacy ones of glibc before 2.37 (tls, haswell,
 *	avx512_1, x86_64 and their combinations)
 *
 * Appends canonical paths, each once. path is the program's in its view, for $ORIGIN; of a script, the interpreter's.
 * -E2BIG: the loader may look in more places than for any real program.
 */
int program_places(struct program *program, const char *path, const char *soname, const char *also,
		   struct strings *out, struct err *err);

/* The canonical paths of the libraries that the live loader would load, on this processor, without
 * LD_LIBRARY_PATH or preloaded libraries: the closure, breadth first, with the loader only where
 * something needs it. Missing libraries are left out. *out is the program's. */
int program_closure(struct program *program, const char *path, const struct strings **out,
		    struct err *err);
