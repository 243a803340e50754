/* From the rules of a profile to a filter for seccomp(2), by libseccomp. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>

struct action {
	enum { ACTION_ALLOW, ACTION_ERRNO, ACTION_KILL } kind;
	int errnum; /* of ACTION_ERRNO */
};

bool action_equal(const struct action *a, const struct action *b);

#define CONDITIONS_MAX 6 /* a system call has no more arguments */

/* What happens to a call, if all conditions hold. */
struct rule {
	char *call;
	struct action action;
	struct scmp_arg_cmp conditions[CONDITIONS_MAX];
	unsigned nconditions;
	const char *file; /* where it stands, for messages; of struct rules */
	unsigned line;
};

/* Of one call all rules have the same action; if one has no conditions it is the only one. */
struct rules {
	struct action otherwise; /* for a call that has no rule, or whose conditions do not hold */
	struct rule *items;
	size_t count;
	char **files;
	size_t nfiles;
};

void rules_free(struct rules *rules);
#define AUTO_RULES CLEANUP(rules_free)

/* Whether this machine has, or libseccomp knows of, a call of that name. */
bool filter_knows(const char *call);

/* Whether the arguments of the call can be seen on every architecture that the machine runs: those
 * of sockets and of System V IPC can also be made on i386 by one call that takes them in memory. */
bool filter_sees_arguments(const char *call);

/* Compiles for the machine's architecture and those whose programs it can run too; calls of any
 * other are killed. *filter, struct sock_filter, is the caller's to free. -E2BIG: more than the
 * kernel takes. */
int filter_compile(const struct rules *rules, void **filter, size_t *size, struct err *err);
