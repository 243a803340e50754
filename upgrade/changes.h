/*
 * Changes of packages that apt or dpkg is about to make, read from the messages that they give to
 * their hooks.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"

#include <stddef.h>

/* An installed package that will have another version, or be removed. */
struct change {
	char *name, *arch;
	char *query;	 /* as dpkg names it: "zlib1g:amd64", "tzdata" */
	char *from, *to; /* to is NULL: it is removed */
	char *file;	 /* the archive of the new version; NULL: there is none */
};

struct changes {
	struct change *items;
	size_t count;
	struct strings newcomers; /* archives of packages that are not installed */
};
void changes_free(struct changes *changes);
#define AUTO_CHANGES CLEANUP(changes_free)

/* For the readers below: copies the strings. to and file may be NULL. A package that keeps its
 * version is not added. */
int changes_add(struct changes *out, const char *name, const char *arch, const char *from,
		const char *to, const char *file, struct err *err);

/* Reads the standard input of a hook of DPkg::Pre-Install-Pkgs, version 3 (apt.conf(5)); cuts text
 * up. -EPROTO: it is something else. */
int changes_of_apt(char *text, struct changes *out, struct err *err);

/* Reads one message to a JSON hook, which must call this method (apt's doc/json-hooks-protocol.md,
 * versions 0.1 and 0.2). -EPROTO: it is something else. */
int changes_of_message(const char *text, const char *method, struct changes *out, struct err *err);

/* Reads a command line of dpkg, which ends with NULL: its archives and directories of archives are
 * read, and dpkg is asked what is installed. action is $DPKG_HOOK_ACTION. A package that dpkg
 * removes because another conflicts with it is not among the changes. A command that changes
 * another root, or nothing, has no changes. */
int changes_of_dpkg(char *const *argv, const char *action, struct changes *out, struct err *err);
