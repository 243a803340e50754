/* Programs: what kind of thing an executable is, and where its loader looks for libraries. */
#pragma once

#include "base/err.h"
#include "labeler/elf.h"

#include <limits.h>

enum program_kind { PROGRAM_ELF, PROGRAM_SCRIPT };

struct program {
	enum program_kind kind;
	char shebang[256];	   /* scripts: the first line after "#!", trimmed */
	char interpreter[PATH_MAX]; /* scripts: the ELF program that runs it, canonical; "env NAME"
				       is looked up in the standard PATH, scripts of scripts followed */
	struct elf elf;		   /* of the program, or of the script's interpreter */
};

/* -ENOEXEC if it is neither ELF nor a script with a shebang. */
int program_read(const char *path, struct program *out, struct err *err);
void program_free(struct program *program);
#define AUTO_PROGRAM CLEANUP(program_free)

/* Directories, sorted, each once; strings are the list's. */
struct dirs {
	char **items;
	size_t count;
};
void dirs_free(struct dirs *dirs);
#define AUTO_DIRS CLEANUP(dirs_free)

/*
 * Every directory of the live system in which the loader, on its way from this program, may choose
 * a file called soname rather than one in the default directories: directories of DT_RPATH and
 * DT_RUNPATH of the program and of all it loads ($ORIGIN, $LIB, $PLATFORM expanded), directories
 * of the loader cache's entries for soname, and under each of these and under also[] (directories
 * that the caller adds) the glibc-hwcaps subdirectories and the legacy ones (tls, haswell,
 * avx512_1, x86_64 and their combinations, as glibc before 2.37). Only those are named in which a
 * file of that name exists now. Canonical paths. arch as elf_arch.
 */
int program_places(const struct program *program, const char *program_path, const char *soname,
		   const char *const *also, size_t nalso, struct dirs *out, struct err *err);

/* The libraries (canonical paths) that the live loader's rules give for the program: its closure,
 * breadth first. Missing ones are left out. */
int program_closure(const struct program *program, const char *program_path, struct dirs *out,
		    struct err *err);
