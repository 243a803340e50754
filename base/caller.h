/*
 * Who asked, where root's command was called through another program, which leaves the user in the environment:
 *
 *	sudo(8), run0(1)   SUDO_UID, SUDO_USER
 *	doas(1)            DOAS_USER
 *	pkexec(1)          PKEXEC_UID
 *
 * Only root's environment is believed, and it only ever takes privileges away: whoever is root may set these.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct caller {
	bool other; /* than this process: what follows is to be taken on */
	uid_t uid;
	gid_t gid;
	char name[256], home[4096]; /* empty, but for another */
};

/* All these variables have to name one user. That one of them names root (who called sudo, say) is no contradiction: the
 * others count. -EINVAL: what one says is no user, or two name two users; -ENOENT: a number that no user has, which
 * out->uid then is. */
int caller_find(struct caller *out, struct err *err);

/* Takes on the user, with their groups and without any privilege of ours, and HOME, USER and
 * LOGNAME; what the program between put into the environment goes. The rest of it stays. */
int caller_become(const struct caller *caller, struct err *err);

/* Opens a file for reading as the caller may: root's rights behind sudo are not for what the caller
 * names. Returns the descriptor. */
int caller_open(const struct caller *caller, const char *path, struct err *err);
