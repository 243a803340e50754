/*
 * Kept runs: an administrator's command that shows whether an app does its work, with its output
 * when it was kept ('pinlib check --run APP -- COMMAND').
 *
 * PINLIB_RUNS/APP, named like the app's plan, mode 0600, is a note beside the policy: rollback does
 * not touch it, and unset removes it. Lines, and then bytes:
 *
 *	pinlib-run	1
 *	user	UID		who runs the command
 *	status	0		the exit status, or 128 and the signal
 *	size	123		of the whole output, standard output and standard error together
 *	digest	SHA256HEX	of the whole output
 *	argument	ARGUMENT	one or more; no line breaks
 *	output
 *	...			the first KEPT_OUTPUT_MAX bytes of the output
 */
#pragma once

#include "base/digest.h"
#include "base/err.h"
#include "base/strings.h"

#include <stdint.h>
#include <sys/types.h>

#define KEPT_OUTPUT_MAX (64u << 10)

struct kept_run {
	struct strings command;
	uid_t user;
	int status;
	uint64_t size;
	struct digest digest;
	char *output; /* len bytes and a NUL */
	size_t len;
};
void kept_run_free(struct kept_run *run);
#define AUTO_KEPT_RUN CLEANUP(kept_run_free)

/* Runs the command as the user: in /, with nothing to read and few variables. *out gets copies of
 * both. -ETIMEDOUT: it took longer than kept_run_seconds; it was killed with its process group.
 * -ENOENT and the like: it cannot be executed, or there is no such user. */
extern unsigned int kept_run_seconds; /* 30, but less in tests */
int kept_run_make(const struct strings *command, uid_t user, struct kept_run *out, struct err *err);

bool kept_run_is_same(const struct kept_run *a, const struct kept_run *b);

/* The number of the first line in which the kept outputs differ, from 1, and both lines, "" after the
 * last one; 0: they differ after KEPT_OUTPUT_MAX bytes only. The caller frees the lines. */
size_t kept_run_difference(const struct kept_run *a, const struct kept_run *b, char **of_a,
			   char **of_b);

/* -ENOENT: the app has none. -EBADMSG: the file is damaged. */
int kept_run_read(const char *app, struct kept_run *out, struct err *err);
/* -EINVAL: an argument has a line break. */
int kept_run_write(const char *app, const struct kept_run *run, struct err *err);
/* It is no error if the app has none. */
int kept_run_remove(const char *app, struct err *err);
