/*
 * Resolves a path on which other users may own directories or links. The path is resolved once, component by component
 * through descriptors, so the file that is checked is the file that is read: no user can exchange it in between.
 *
 * Root follows only symbolic links that root owns, because another user's link could lead to a file that only root
 * may read or write. An ordinary user follows all links: the kernel already limits their rights.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

struct reach {
	int fd;		/* O_PATH; -1: there is no such file */
	struct stat st; /* of fd */
	int dir; /* O_PATH, of its directory; -1 if the path ends in ".", ".." or a descriptor in /proc */
	char name[NAME_MAX + 1]; /* in dir */
	char path[PATH_MAX]; /* without links; for messages and labels: never resolve it again */
	/* The first directory on the way that not everybody may search, or the file itself if not everybody may read
	 * it; "" if everybody may read the file. */
	char closed[PATH_MAX];
	/* Only root and the owner of closed could have chosen the names on the way: whoever names this path means the
	 * closed file. */
	bool meant;
};
#define REACH_NONE ((struct reach){.fd = -1, .dir = -1})
void reach_end(struct reach *reach);
#define AUTO_REACH CLEANUP(reach_end)

enum {
	REACH_NEW = 1,	/* the file may be missing, its directory may not */
	REACH_LINK = 2, /* do not follow the last link */
};

/* -ELOOP: more than PATH_LINKS_MAX links; -EPERM: a link of another user, or a user's FUSE file system, named in err.
 * A relative path starts at the working directory's path. */
int reach(const char *path, int how, struct reach *out, struct err *err);

/* As reach with REACH_LINK, for the file name in the directory of before, whose path had nothing closed and whose dir is
 * open: the directory is not resolved again. meant is false. */
int reach_beside(const struct reach *before, const char *name, struct reach *out, struct err *err);

/* -EPERM if reach refuses the path; 0 otherwise, even for a missing file. */
int reach_allowed(const char *path, struct err *err);

/* Opens the file that was reached, with the flags of open(2). */
int reach_open(const struct reach *reach, int flags, struct err *err);

/* -EPERM if some users may not read the file that was reached, so that it must not be copied to where all users can.
 * named: an administrator wrote the path, and may publish closed files if reach->meant holds. */
int reach_public(const struct reach *reach, bool named, struct err *err);
