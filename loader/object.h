/* The pieces of a load closure: objects, their needs, and the versions that are missing. Strings
 * belong to the view that the closure was made of (ldview.h). */
#pragma once

#include "elf/elf.h"
#include "loader/filecache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOSURE_NONE SIZE_MAX /* no object */

/* How the loader, or the kernel, came to an object (ld.so(8)). */
enum load_rule {
	RULE_NONE,	   /* missing: no rule leads to a file */
	RULE_PROGRAM,	   /* the kernel starts it */
	RULE_INTERPRETER,  /* the kernel: it is the program's loader */
	RULE_PATH,	   /* the name has a '/' */
	RULE_RPATH,	   /* DT_RPATH of need.owner */
	RULE_LIBRARY_PATH, /* LD_LIBRARY_PATH */
	RULE_RUNPATH,	   /* DT_RUNPATH of need.owner */
	RULE_CACHE,	   /* ld.so.cache */
	RULE_DEFAULT,	   /* a default directory; musl: its path file or its built-in path */
	RULE_LOADED,	   /* an object of that name or soname was loaded before */
};

/* One DT_NEEDED, DT_AUXILIARY or DT_FILTER of an object, and the result of the search for it. */
struct need {
	const char *name; /* tokens expanded */
	enum elf_need_kind kind;
	enum load_rule rule;
	size_t object;	    /* that satisfies it; CLOSURE_NONE: missing */
	size_t owner;	    /* RULE_RPATH, RULE_RUNPATH: whose path; else CLOSURE_NONE */
	const char *subdir; /* the hwcaps subdirectory of the file, "" without one */
	const char *path;   /* of the file found; NULL if missing or loaded before */
	const char *broken; /* why the loader fails at the file found, which makes the need missing;
			       NULL */
	const char *hint;   /* missing, and there is no ld.so.cache: the file that ldconfig would
			       put there; NULL */
};

struct object {
	const char *path;      /* as the loader names it */
	const char *canonical; /* in the view */
	const char *file;      /* to open: its path outside the view */
	const char *layer;     /* the cover that has it (it is pinned); NULL: the live system */
	const struct elf *elf; /* of cached */
	const struct cached_file *cached;
	/* The need that brought it in; by is CLOSURE_NONE for the program and for the loader. */
	size_t by, by_need;
	bool wanted; /* false: the loader, where nothing needs it: loaded, but outside the global
			scope */
	struct need *needs;
	size_t nneeds;
};

enum gap_kind {
	GAP_MISSING,  /* the object does not define the version: the program does not start */
	GAP_WEAK,     /* as GAP_MISSING, but needed weakly: the loader warns */
	GAP_UNKNOWN,  /* the object defines no versions at all: the loader warns */
	GAP_UNLOADED, /* the version is of a file that is not loaded: the loader aborts */
	GAP_ISA,      /* the processor lacks a level that the object needs: the loader refuses it
			 right before the start, and not while it traces */
};

/* A symbol version, or a level of x86-64, that an object needs and does not get. */
struct gap {
	enum gap_kind kind;
	size_t object;	     /* that needs it */
	size_t of;	     /* that should define it; CLOSURE_NONE: not loaded, or GAP_ISA */
	const char *file;    /* GAP_ISA: "" */
	const char *version; /* GAP_UNKNOWN: the first of them; GAP_ISA: "x86-64-v4" */
};
