/*
 * dpkg's side of wrapping: which package has a program's path, and the local diversion that sends
 * its upgrades to the original.
 *
 * Where /bin is a link to usr/bin, packages may have "/usr/bin/ls" as "/bin/ls". The name that the
 * package has is diverted, and no other: between two diversions to one file dpkg would remove it
 * when the package's next version has the other name.
 *
 * Without dpkg nobody owns anything, nothing is diverted, and nothing needs to be.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "loader/program.h"

#include <stdbool.h>
#include <stddef.h>

/* What dpkg says. To find the owners of some files it reads the lists of all packages (60 to 90 ms),
 * and to start it for its diversions takes 8: so it is asked once, when it is needed, for all the
 * programs of a command. What is begun and ended meanwhile is not seen; to do it twice does nothing.
 */
struct dpkg_says {
	const char *const *apps; /* canonical paths, whose owners may be asked for; the caller's */
	size_t napps;
	struct strings owned, diversions; /* their names that packages have; dpkg's lines */
	bool owned_known, diversions_known;
};

#define DPKG_SAYS_OF(apps_, napps_)                                                                \
	((struct dpkg_says){.apps = (const char *const *)(apps_), .napps = (napps_)})

void dpkg_says_free(struct dpkg_says *says);
#define AUTO_DPKG_SAYS CLEANUP(dpkg_says_free)

/* 1 if a package has the app's path, by one of its names. app is one of says' programs, as for
 * divert_agrees and divert_begin. */
int divert_owned(struct dpkg_says *says, const char *app, struct err *err);

/* Whether nobody but pinlib diverts the app's path, or something else to it: -EPERM says who. */
int divert_allowed(struct dpkg_says *says, const char *app, struct err *err);

/* 1 if that name of the app is diverted as we do which a package has, and no other. */
int divert_agrees(struct dpkg_says *says, const char *app, struct err *err);

/* How many of the app's names are diverted as we do. */
int divert_count(struct dpkg_says *says, const char *app, struct err *err);

/* The diversion is brought about, or taken away, as far as it is not; and brought to the disk. */
int divert_begin(struct dpkg_says *says, const char *app, struct err *err);
int divert_end(struct dpkg_says *says, const char *app, struct err *err);

/* The apps that there is a diversion of ours for, wrapped or not, by their canonical paths. */
int divert_apps(struct strings *apps, struct err *err);
