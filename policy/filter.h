/* From the rules of a profile to a filter for seccomp(2), with libseccomp. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel does when a program makes the call. */
struct filter_rule {
	char *call;
	uint32_t action;	       /* SCMP_ACT_ALLOW, _ERRNO(n) or _KILL_PROCESS */
	struct scmp_arg_cmp condition; /* for the action; else the default action is taken */
	bool conditional;
	unsigned depth,
		line; /* the file that has the rule, by its depth of include; for messages */
};

struct filter_rules {
	uint32_t otherwise; /* the action for a call without a rule */
	struct filter_rule *items;
	size_t count; /* no call has two */
};

void filter_rules_free(struct filter_rules *rules);

/* Whether libseccomp knows a system call of that name. */
bool filter_has_call(const char *call);

/* Whether a filter sees the arguments of the call on every architecture. i386 can also make calls
 * for sockets and System V IPC with socketcall(2) and ipc(2), whose arguments are in memory. */
bool filter_sees_arguments(const char *call);

/* Adds the architectures whose programs the machine's kernel runs besides its own: on x86 a process
 * of any kind can make the calls of the two others. Returns 0 or -errno. */
int filter_add_architectures(scmp_filter_ctx filter);

/* Compiles for the machine's architecture and those of filter_add_architectures; the filter kills a
 * process that makes calls of any other. The caller frees *filter, an array of struct sock_filter.
 * -E2BIG: the kernel takes no filter of this length. */
int filter_compile(const struct filter_rules *rules, void **filter, size_t *size, struct err *err);
