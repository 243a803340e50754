/*
 * The load closure: every object that the loader would load for a program, in its order, with the
 * rule that led to each. Nothing is executed. The rules are described in loader/search.h.
 *
 * The closure does not depend on the caller or the machine beyond LD_LIBRARY_PATH: it leaves out
 * LD_PRELOAD, /etc/ld.so.preload (view/verdict.c reads that), LD_AUDIT and the tunables, and does
 * not know that the loader of a set-user-ID program ignores LD_LIBRARY_PATH and most $ORIGINs.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "loader/ldview.h"
#include "loader/object.h"

struct closure {
	enum loader_kind kind; /* LOADER_NONE: static, nothing is loaded */
	const struct loader *loader;
	const char *script;	/* a script that has the first object as its interpreter; NULL */
	struct object *objects; /* the program, then the others in the order of the global scope */
	size_t count;
	struct gap *gaps;
	size_t ngaps;
	/* DT_AUDIT and DT_DEPAUDIT of the program, if its loader reads them (glibc since 2.32); else NULL.
	 * The auditing libraries can send the loader to other files than the closure has. */
	const char *audit, *depaudit;
	const char *no_cache; /* why there is no ld.so.cache; NULL: there is one */
	struct ldview *own;   /* closure_read's view, which owns the strings; else NULL */
};

enum {
	CLOSURE_NO_CWD =
		1, /* leave out relative paths, which mean the caller's working directory */
};

/* The closure of a program (a path, links followed; of a script, that of its interpreter) in a view.
 * library_path is LD_LIBRARY_PATH's value, NULL without one. Errors name the file. -ENOEXEC: no
 * loader would take the program; -EBADMSG: it is malformed; -E2BIG: it loads more, or looks in more
 * places, than any program does, as time and memory are bounded. Errors of libraries are in the
 * closure. Strings and files are the view's: free the closure first. */
int closure_of(struct ldview *view, const char *program, const char *library_path, int flags,
	       struct closure *out, struct err *err);

/* The same for one program alone. sysroot may be NULL and must live as long as the closure. */
int closure_read(const char *program, const struct sysroot *sysroot, const char *library_path,
		 int flags, struct closure *out, struct err *err);

void closure_free(struct closure *closure);
#define AUTO_CLOSURE CLEANUP(closure_free)

/* The rule by which an object came in: the kernel's, or that of the need that brought it in. */
enum load_rule closure_rule(const struct closure *closure, size_t object);
const char *rule_name(enum load_rule rule); /* "runpath", "ld.so.cache" */

/* Appends every directory of its DT_RPATHs and DT_RUNPATHs, tokens expanded, each once, whether the
 * loader looks there or not. view and flags are closure_of's. -E2BIG: too many. */
int closure_paths(const struct closure *closure, struct ldview *view, int flags,
		  struct strings *out, struct err *err);

/* The number of missing needs, without DT_AUXILIARYs, which may be missing, and of missing versions
 * and levels (GAP_MISSING, GAP_UNLOADED, GAP_ISA). The program does not start unless both are 0. */
size_t closure_missing(const struct closure *closure);
size_t closure_gaps(const struct closure *closure);
