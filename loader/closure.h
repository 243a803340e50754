/*
 * The load closure: every object that the loader would load for a program, in its order, with the
 * rule that found each. glibc's rules, as ld.so(8) names them and glibc's elf/dl-load.c,
 * dl-deps.c, dl-cache.c and dl-version.c have them:
 *
 *	a name with a '/'	is a path, nothing is searched
 *	DT_RPATH		of the object that needs it, then of the one that brought that in,
 *				and so on up to the program; none if the object that needs has a
 *				DT_RUNPATH
 *	LD_LIBRARY_PATH
 *	DT_RUNPATH		of the object that needs it, alone
 *	ld.so.cache		its best entry for this processor, or none (unless the object has
 *				DF_1_NODEFLIB and the entry lies in a default directory)
 *	default directories	unless DF_1_NODEFLIB
 *
 * In each directory the hwcaps subdirectories come first. A file of another class or machine is
 * passed over; one that is no ELF file at all stops the loader, and the program. What is loaded
 * under a name, or has it as its soname, is not searched again; one file is never loaded twice.
 *
 * Not known here, as it is the caller's or the machine's and not the program's: LD_PRELOAD,
 * /etc/ld.so.preload (view/verdict.c looks at it), LD_AUDIT, the tunables, and that the loader of
 * a set-user-ID program ignores LD_LIBRARY_PATH and most $ORIGINs.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "loader/scan.h"

#include <limits.h>

#define CLOSURE_NONE SIZE_MAX /* no object */

enum rule {
	RULE_NONE,	   /* nothing found it: missing */
	RULE_PROGRAM,	   /* the kernel: it is the program */
	RULE_INTERPRETER,  /* the kernel: it is the program's loader */
	RULE_PATH,	   /* the name is a path */
	RULE_RPATH,	   /* of need.owner */
	RULE_LIBRARY_PATH, /* LD_LIBRARY_PATH */
	RULE_RUNPATH,	   /* of need.owner */
	RULE_CACHE,
	RULE_DEFAULT, /* a default directory; musl: its path file's, or its built-in one */
	RULE_LOADED,  /* loaded before under that name, or has it as its soname */
};
const char *rule_name(enum rule rule); /* "runpath", "ld.so.cache" */

/* One DT_NEEDED (or auxiliary, or filter) of an object, and what became of it. */
struct need {
	const char *name; /* tokens expanded */
	enum elf_need_kind kind;
	enum rule rule;
	size_t object;	    /* that satisfies it; CLOSURE_NONE if missing */
	size_t owner;	    /* RULE_RPATH, RULE_RUNPATH: whose; else CLOSURE_NONE */
	const char *subdir; /* the hwcaps subdirectory it was found in, "" if none */
	const char *path;   /* of the file found; NULL if missing, or loaded before */
	const char
		*broken;  /* why the loader fails at the file found: then it is missing too; NULL */
	const char *hint; /* missing, and there is no cache: where ldconfig's configuration would
			     have it found; NULL */
};

struct object {
	const char *path;      /* as the loader names it */
	const char *canonical; /* in the view */
	const char *file;      /* what to open: where it lies outside the view */
	const char *layer;     /* of the cover that it comes from (it is pinned); NULL: live */
	const struct elf *elf;
	const struct elf_info *facts;
	/* How it came in: the need of another object; by is CLOSURE_NONE for the program and for
	 * the loader. */
	size_t by, by_need;
	bool wanted; /* false: the loader itself, where nothing needs it: loaded, but no part of the
			global scope */
	struct need *needs;
	size_t nneeds;
};

enum gap_kind {
	GAP_MISSING,  /* the version is not there: the program does not start */
	GAP_WEAK,     /* not there, but only asked for weakly: the loader warns */
	GAP_UNKNOWN,  /* the file has no versions at all: the loader warns */
	GAP_UNLOADED, /* asked of a file that is not loaded: the loader aborts */
};

/* A version that an object asks for and does not get. */
struct gap {
	enum gap_kind kind;
	size_t object; /* who asks */
	size_t of;     /* whom; CLOSURE_NONE if it is not loaded */
	const char *file;
	const char *version; /* GAP_UNKNOWN: the first that is asked for */
};

struct closure {
	enum loader_kind loader;   /* LOADER_NONE: static, nothing is loaded */
	const struct loader *ways; /* of the loader */
	const char *script;	   /* the path of a script whose interpreter this is; NULL */
	struct object *objects;	   /* the first is the program; then in the order of the scope */
	size_t count;
	struct gap *gaps;
	size_t ngaps;
	const char *no_cache; /* why there is no ld.so.cache; NULL if there is one */
	struct scan *own;     /* closure_read's: what the strings belong to */
};

enum {
	CLOSURE_NO_CWD = 1, /* leave out what depends on the working directory: relative paths */
};

/* For PROGRAM (a path, links followed; a script counts as its interpreter) as the scan's view has
 * it. library_path is LD_LIBRARY_PATH's value, NULL for none. -ENOEXEC if it is nothing that a
 * loader would take, -EBADMSG if it is malformed, each naming the file; -E2BIG if it loads, or looks
 * in, more than a program does: time and memory are bounded. What is wrong with a library stands in
 * the closure. Strings and facts are the scan's: free the closure first. */
int closure_of(struct scan *scan, const char *program, const char *library_path, int flags,
	       struct closure *out, struct err *err);

/* The same for one program alone. sysroot may be NULL, and has to live as long as the closure. */
int closure_read(const char *program, const struct sysroot *sysroot, const char *library_path,
		 struct closure *out, struct err *err);

void closure_free(struct closure *closure);
#define AUTO_CLOSURE CLEANUP(closure_free)

/* How an object came in: by the kernel, or by the rule of the need that brought it in. */
enum rule closure_rule(const struct closure *closure, size_t object);

/* Every directory of the DT_RPATHs and DT_RUNPATHs in it, tokens expanded, whether anything was
 * looked for there or not. flags as above. -E2BIG: they are too many. */
int closure_paths(const struct closure *closure, struct scan *scan, int flags, struct strings *out,
		  struct err *err);

/* How many needs are missing, and how many versions (GAP_MISSING, GAP_UNLOADED): if there is any,
 * the program does not start. Those that are asked for by DT_AUXILIARY may be missing. */
size_t closure_missing(const struct closure *closure);
size_t closure_gaps(const struct closure *closure);
