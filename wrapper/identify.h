/*
 * Finds out which app is meant: a stub says so (plan/stub.h).
 *
 * Anybody can start the wrapper with the same arguments. That is harmless: they only select among programs with a plan,
 * and the caller may start each of them anyway.
 */
#pragma once

#include "base/err.h"
#include "plan/read.h"
#include "plan/stub.h"

struct launch {
	struct plan_file file; /* the plan and its bytes */
	char app[PATH_MAX];
	bool unpinned;	       /* the stub's on-failure */
	struct stub_kept kept; /* to be set again for the app */
	const char *name;      /* the caller's path for the app, to execute it by */
	char **argv;	       /* its arguments */
};

/* Reads what the stub says. -ENOENT if no stub started the wrapper. */
int identify(int argc, char **argv, struct launch *out, struct err *err);

/* Loads the app's plan; root and the errors are as for plan_load. */
int identify_plan(uid_t root, struct launch *out, struct err *err);

/* Instead of a plan that cannot be read: only the app, its original and its on-failure. */
int identify_without_plan(struct launch *out, struct err *err);
