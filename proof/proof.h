/*
 * Proofs: what the loader of a view prints about a program there.
 *
 * A child builds the view, and then has no privileges, no network, no writable file, an empty
 * environment, limited time and memory, and a filter that refuses the calls that no loader makes.
 * (For sealed programs, which need no mounts, an ordinary user's child has no namespaces, nor root's where root cannot mount.)
 * The loader that the program names traces the program there without running it
 * (LD_TRACE_LOADED_OBJECTS, LD_WARN and LD_BIND_NOW, ld.so(8)). Its exit status is 0 whatever it
 * finds, so pinlib reads its output. Only LD_DEBUG=files names the object that needs a missing
 * library: in that case the loader runs a second time.
 */
#pragma once

#include "base/err.h"
#include "base/sysroot.h"

#include <stdbool.h>
#include <stddef.h>

enum missing_kind {
	MISSING_LIBRARY, /* what: a soname or path that the loader does not find */
	MISSING_VERSION, /* what: a symbol version that from, a path, does not define */
	MISSING_SYMBOL,	 /* what: "name" or "name, version VERSION" that nothing defines */
	MISSING_OTHER,	 /* what: any other complaint of the loader, one line */
};

struct missing {
	enum missing_kind kind;
	char *what;
	char *from; /* NULL if not known */
	char *by;   /* the object that needs it, a path; NULL if not known */
};

struct loaded {
	char *name; /* by which the loader looked for it */
	char *path; /* as the loader prints it */
};

struct proof {
	struct loaded *loaded; /* in the loader's order, without the missing ones */
	size_t nloaded;
	struct missing *missing; /* in the order of enum missing_kind, each once */
	size_t nmissing;
};

/* Runs the loader interp (PT_INTERP of the program; glibc's or musl's) for object, a program or
 * library; both are paths in the view. The caller frees *out. 0: the loader answered, whatever it
 * found. -ETIMEDOUT: it took too long; -ECANCELED: it crashed, or printed nothing. -EACCES: ordinary
 * users cannot reach the object. */
extern unsigned int proof_seconds; /* for one run of the loader: 30, but less in tests */
int proof_run(const struct sysroot *sysroot, const char *interp, const char *object,
	      struct proof *out, struct err *err);
/* Adds something missing, unless the proof has it already. from and by may be NULL. */
int proof_add_missing(struct proof *proof, enum missing_kind kind, const char *what,
		      const char *from, const char *by, struct err *err);
void proof_free(struct proof *proof);
#define AUTO_PROOF CLEANUP(proof_free)

/* Whether a library is missing, or one that is loaded is of another version: another version may bring what lacks. */
bool proof_lacks_library(const struct proof *proof);

/* Describes the missing thing in one sentence without a full stop. */
void proof_describe_missing(const struct missing *missing, char *text, size_t size);

/* Parses what a loader printed; for proof_run and for tests. */
int proof_parse(char *text, struct proof *out, struct err *err);
