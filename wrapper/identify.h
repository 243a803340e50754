/*
 * Finds out which app the caller meant.
 *
 * The caller chose all that the answer depends on (AT_EXECFN, argv), and links may change while they are followed. That
 * is harmless: the answer only selects among programs with a plan, and the caller may start each of them anyway.
 */
#pragma once

#include "base/err.h"
#include "plan/read.h"

struct launch {
	struct plan_file file; /* the plan and its bytes */
	const char *name;      /* the caller's path for it, to execute it by */
	char **argv;	       /* its arguments */
};

/* root: as for plan_load. -ENOENT if no app was meant; other errors are about the plan that was found. */
int identify(const char *execfn, int argc, char **argv, uid_t root, struct launch *out,
	     struct err *err);
