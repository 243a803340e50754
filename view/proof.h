/*
 * The loader is the judge: what the loader of a view itself says of a program there.
 *
 * The view is built in a child, which then has no privilege, no network, nothing to write to, an
 * empty environment, limited time and memory, and a filter that refuses what no loader calls; there
 * the loader that the program names traces it, without running it (LD_TRACE_LOADED_OBJECTS, LD_WARN
 * and LD_BIND_NOW, ld.so(8)). Its exit status is 0 whatever it found, so what it prints is read. Who
 * needs a library that is missing only LD_DEBUG=files tells: then it is asked once more.
 */
#pragma once

#include "base/err.h"
#include "base/sysroot.h"

#include <stdbool.h>
#include <stddef.h>

enum missing_kind {
	MISSING_LIBRARY, /* what: a soname or path that is not found */
	MISSING_VERSION, /* what: a symbol version that from, a path, does not define */
	MISSING_SYMBOL,	 /* what: "name" or "name, version VERSION" that nothing defines */
	MISSING_OTHER,	 /* what: a line of the loader that is none of the above */
};

struct missing {
	enum missing_kind kind;
	char *what;
	char *from; /* NULL if not known */
	char *by;   /* the object that needs it, a path; NULL if not known */
};

struct loaded {
	char *name; /* as it was asked for */
	char *path; /* as the loader says it */
};

struct proof {
	struct loaded *loaded; /* in the loader's order; what is missing is not in it */
	size_t nloaded;
	struct missing *missing; /* in the order of enum missing_kind, each once */
	size_t nmissing;
};

/* interp: the loader, as PT_INTERP has it (glibc's or musl's). object: the program or library to
 * trace. Both are paths in the view. The return is 0 if the loader answered, whatever it said.
 * -ETIMEDOUT: it took too long; -ECANCELED: it crashed, or said nothing: both are a no, and err
 * says so. -EACCES: no ordinary user can get to the object: its directory is closed to them. */
extern unsigned int proof_seconds; /* that a trace may take; tests take less than the 30 */
int proof_run(const struct sysroot *sysroot, const char *interp, const char *object,
	      struct proof *out, struct err *err);
/* One more thing that is missing, unless it is known already; from and by may be NULL. */
int proof_miss(struct proof *proof, enum missing_kind kind, const char *what, const char *from,
	       const char *by, struct err *err);
void proof_free(struct proof *proof);
#define AUTO_PROOF CLEANUP(proof_free)

/* One sentence, without a full stop, of what is missing. */
void missing_text(const struct missing *missing, char *text, size_t size);

/* What the loader printed, taken apart; for prove, and for tests. */
int proof_parse(char *text, struct proof *out, struct err *err);
