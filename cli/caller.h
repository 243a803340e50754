/* Whom a program is to run as: behind sudo(8) the user who typed the command, else who we are. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct caller {
	bool other; /* than this process: what follows is to be taken on */
	uid_t uid;
	gid_t gid;
	char name[256], home[4096];
};

/* By SUDO_UID, if this is root. -EINVAL if it is no user of the system. */
int caller_find(struct caller *out, struct err *err);

/* Takes on the user, with their groups and without any privilege of ours, and HOME, USER and
 * LOGNAME; what sudo put into the environment goes. The rest of it stays. */
int caller_become(const struct caller *caller, struct err *err);
