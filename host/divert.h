/*
 * dpkg's side of wrapping: the package that owns a program's path, and the local diversion that
 * sends the package's upgrades to the original.
 *
 * Where /bin is a link to usr/bin, a package may have "/usr/bin/ls" as "/bin/ls". Only the name
 * that the package has is diverted. If both names were diverted to one file, dpkg would remove the
 * file when the package's next version has the other name.
 *
 * Without dpkg no package owns a path, and no path is diverted.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "loader/program.h"

#include <stdbool.h>
#include <stddef.h>

/* dpkg's answers about the programs of one command. dpkg reads the lists of all packages to find
 * owners (60 to 90 ms), and takes 8 ms for its diversions; so it is asked for all programs at
 * once, and only when an answer is needed. Diversions that the command itself begins or ends do
 * not change the answers; to begin or end one twice does nothing. */
struct dpkg_says {
	const char *const *apps; /* canonical paths of the programs; the caller's */
	size_t napps;
	struct strings owned;	   /* the names of apps that packages have */
	struct strings diversions; /* dpkg's lines */
	bool owned_known, diversions_known;
};

#define DPKG_SAYS_OF(apps_, napps_)                                                                \
	((struct dpkg_says){.apps = (const char *const *)(apps_), .napps = (napps_)})

void dpkg_says_free(struct dpkg_says *says);
#define AUTO_DPKG_SAYS CLEANUP(dpkg_says_free)

/* 1 if a package has the app's path, by one of its names. Here, in divert_agrees and in
 * divert_begin app is one of says' programs. */
int divert_owned(struct dpkg_says *says, const char *app, struct err *err);

/* -EPERM: somebody else diverts the app's path, or another path to it; err has dpkg's line. */
int divert_allowed(struct dpkg_says *says, const char *app, struct err *err);

/* 1 if the name of the app that a package has is diverted by pinlib, and no other name is. */
int divert_agrees(struct dpkg_says *says, const char *app, struct err *err);

/* How many of the app's names pinlib diverts. */
int divert_count(struct dpkg_says *says, const char *app, struct err *err);

/* Begins or ends the diversion, unless that is done already, and brings it to the disk. */
int divert_begin(struct dpkg_says *says, const char *app, struct err *err);
int divert_end(struct dpkg_says *says, const char *app, struct err *err);

/* The apps that pinlib diverts, wrapped or not, by their canonical paths. */
int divert_apps(struct strings *apps, struct err *err);
