/*
 * Which app was meant?
 *
 * All that can be asked (AT_EXECFN, argv) was chosen by the caller, and links may change while they
 * are followed. It does not matter: the answer only selects among programs that have a plan, each
 * of which the caller could have started under its own name.
 */
#pragma once

#include "base/err.h"
#include "plan/read.h"

struct launch {
	struct plan_file file; /* the plan and its bytes */
	const char *name;      /* what to execute it as: the caller's own spelling */
	char **argv;	       /* what to hand to it */
};

/* root: see plan_load. -ENOENT if no app was meant; other errors are of the plan found. */
int identify(const char *execfn, int argc, char **argv, uid_t root, struct launch *out,
	     struct err *err);
