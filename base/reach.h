/*
 * What a name leads to, where others than root may have a hand in it. The name is resolved once, component by
 * component through descriptors, and what the caller then looks at is what it reads: no exchange of a directory or
 * link comes between.
 *
 * For root, a symbolic link leads on only if it is root's; whoever else made one could point it at what root alone
 * may read or write. An ordinary user has no more rights than the kernel gives, and follows all links.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

struct reach {
	int fd;		/* O_PATH; -1: nothing has the name */
	struct stat st; /* of fd */
	int dir; /* O_PATH, of its directory; -1: ".", ".." or a descriptor's name in /proc led to it */
	char name[NAME_MAX + 1]; /* in dir */
	char path[PATH_MAX]; /* without links; for messages and labels, not to be resolved again */
	/* The first directory on the way that not everybody may search, or the file if not everybody may read it; ""
	 * if there is none. */
	char closed[PATH_MAX];
	/* Nobody but root and the owner of what is closed could have put it, or a name on the way, there: whoever
	 * names this path means what is closed. */
	bool meant;
};
#define REACH_NONE ((struct reach){.fd = -1, .dir = -1})
void reach_end(struct reach *reach);
#define AUTO_REACH CLEANUP(reach_end)

enum {
	REACH_NEW = 1,	/* nothing needs to have the name; its directory must be there */
	REACH_LINK = 2, /* a link that has the name is what is looked for */
};

/* -ELOOP: more than 40 links; -EPERM: somebody else's link, named in err. A relative path begins at the working
 * directory's path. */
int reach(const char *path, int how, struct reach *out, struct err *err);

/* -EPERM where reach would refuse the path; 0 otherwise, also if nothing has the name. */
int reach_allowed(const char *path, struct err *err);

/* Opens what was reached, with the flags of open(2). */
int reach_open(const struct reach *reach, int flags, struct err *err);

/* -EPERM if what was reached is kept from some by a mode, and so may not be copied to where everybody can read it.
 * named: an administrator wrote the path, and what is closed by root is their own to publish. */
int reach_public(const struct reach *reach, bool named, struct err *err);
