/*
 * The user who called root's command through another program. Such programs leave the user in the environment:
 *
 *	sudo(8), run0(1)   SUDO_UID, SUDO_USER
 *	doas(1)            DOAS_USER
 *	pkexec(1)          PKEXEC_UID
 *
 * Only root's environment is believed, and believing it can only take privileges away: root may set these variables.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct caller {
	bool other; /* the caller is not this process's own user, and caller_become changes to them */
	uid_t uid;
	gid_t gid;
	char name[256], home[4096]; /* empty unless other */
};

/* All these variables must name the same user. A variable that names root (root called sudo, for example) is
 * ignored. -EINVAL: a variable names no user, or two variables name different users; -ENOENT: out->uid is a number
 * that no user has. */
int caller_find(struct caller *out, struct err *err);

/* Changes to that user, with their groups and no privilege of ours; sets HOME, USER and LOGNAME, and removes the
 * variables above. The rest of the environment stays. */
int caller_become(const struct caller *caller, struct err *err);

/* Opens a file for reading with the caller's rights: a path that the caller names must not be opened with the rights
 * that sudo gave. A child process changes to the user and sends back the descriptor, which is returned. */
int caller_open(const struct caller *caller, const char *path, struct err *err);
