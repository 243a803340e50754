/* Programs: what kind of thing an executable is, and where its loader looks for libraries. */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "base/sysroot.h"
#include "elf/elf.h"

#include <limits.h>
#include <stdbool.h>

enum program_kind { PROGRAM_ELF, PROGRAM_SCRIPT };

struct program {
	enum program_kind kind;
	char shebang[256];	    /* scripts: the first line after "#!", trimmed */
	char interpreter[PATH_MAX]; /* scripts: the ELF program that runs it, by program_canonical;
				       "env NAME" is looked up in the standard PATH, scripts of
				       scripts are followed (as many as the kernel takes, then
				       -ELOOP) */
	struct strings way;	    /* scripts: all that is started on the way, env(1) and scripts
				       too, by program_canonical; the interpreter is the last */
	struct elf elf;		    /* of the program, or of the script's interpreter */
	struct search *search;	    /* what program_places found out once; NULL before */
};

/* The canonical path of the program that name leads to: symbolic links are followed, but not into
 * the wrapper, since a wrapped path is the app. Relative names are taken from the working
 * directory. -ENOENT. */
int program_canonical(const char *name, char out[PATH_MAX], struct err *err);

/* -ENOEXEC if it is neither ELF nor a script with a shebang. A wrapped program's own file is
 * read where its caller says it is; a wrapped interpreter's where wrapping puts it. */
int program_read(const char *path, struct program *out, struct err *err);
/* The path of the program that a script's first line names (facts.shebang; NULL is -ENOEXEC), as it
 * stands there ("env NAME" found in the view's standard PATH, what wrapping put before it left out).
 */
int program_interpreter(const char *shebang, const struct sysroot *sysroot, char out[PATH_MAX],
			struct err *err);
#define PROGRAM_SCRIPTS_MAX 5 /* interpreters that are scripts, as the kernel's limit */

void program_free(struct program *program);
#define AUTO_PROGRAM CLEANUP(program_free)

/*
 * Every directory of the live system in which the loader, on its way from this program, may choose
 * a file called soname: directories of DT_RPATH and DT_RUNPATH of the program and of all it loads
 * ($ORIGIN, $LIB, $PLATFORM expanded; relative ones, which mean the caller's working directory, are
 * left out), directories of the loader cache's entries for soname and of its architecture, the
 * default directories, those in also[] (that the caller adds), and under each of these the
 * glibc-hwcaps subdirectories and the legacy ones (tls, haswell, avx512_1, x86_64 and their
 * combinations, as glibc before 2.37), of whatever processor: the program's next start may be on
 * another. Only those are named in which a file of that name and of the program's architecture
 * exists now. Canonical paths, each once. -E2BIG: it may look in more than any program does. path is the program's path, for $ORIGIN (of a script: the
 * interpreter's).
 */
int program_places(struct program *program, const char *path, const char *soname,
		   const char *const *also, size_t nalso, struct strings *out, struct err *err);

/* The libraries (canonical paths) that the live loader's rules give for the program, on this
 * processor and with neither LD_LIBRARY_PATH nor preloaded ones: its closure, breadth first, with
 * the loader itself where something needs it. Missing ones are left out. */
int program_closure(struct program *program, const char *path, struct strings *out,
		    struct err *err);
