/*
 * Keeping: before packages are upgraded or removed, the library versions that apps load go into the
 * store, so that after a bad upgrade `pinlib set APP LIBRARY=OLD` works at once, without a network.
 *
 * Whose libraries: those of the wrapped programs and of the watched ones, PINLIB_STATE/watched, a
 * path a line. Configured in PINLIB_CONF, lines of KEY = VALUE:
 *
 *	keep		apps (the default), or all: every library package
 *	keep-strict	no (the default), or yes: what cannot be kept stops apt
 *	keep-days	90; how long gc leaves a kept version, 0 for ever
 *	keep-size	0; how many bytes (K, M, G) of them it leaves, the newest, 0 all
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct keep_conf {
	bool all, strict;
	int64_t days;
	uint64_t bytes;
};

/* -EINVAL names file and line; *out then has the defaults. A missing file is all defaults. */
int keep_conf_read(const char *path, struct keep_conf *out, struct err *err);

/* A package that is installed and will be another version, or none. */
struct change {
	char *name, *arch;
	char *query;	 /* as dpkg names it: "zlib1g:amd64", "tzdata" */
	char *from, *to; /* to is NULL: it is removed */
	char *file;	 /* the archive of the new one; NULL if there is none */
};

struct changes {
	struct change *items;
	size_t count;
	struct strings newcomers; /* archives of packages that are not installed */
};
void changes_free(struct changes *changes);
#define AUTO_CHANGES CLEANUP(changes_free)

/* What apt tells a hook of DPkg::Pre-Install-Pkgs, of version 3 or 2 (apt.conf(5)). text is cut up.
 * -EPROTO: it is something else. */
int changes_of_apt(char *text, struct changes *out, struct err *err);

/* What apt tells a JSON hook (apt's doc/json-hooks-protocol.md, versions 0.1 and 0.2): one message,
 * which has to be of this method. -EPROTO: it is something else. */
int changes_of_message(const char *text, const char *method, struct changes *out, struct err *err);

/* The same for a command line of dpkg, which ends with NULL: archives and directories of them are
 * read, dpkg is asked what is installed. action is what its hooks have in $DPKG_HOOK_ACTION. Not
 * known are packages that dpkg itself removes for another that conflicts with them. None where the
 * command changes another root, or nothing. */
int changes_of_dpkg(char *const *argv, const char *action, struct changes *out, struct err *err);

/* A change of a package whose libraries are to be kept, and for whom; the strings are the wants'.
 */
struct want {
	const struct change *change;
	const char **apps;
	size_t napps;
};

struct wants {
	struct want *items;
	size_t count;
	struct strings apps; /* wrapped and watched */
};

/* What of changes, which have to live as long as *out, is to be kept. Changes nothing, and holds
 * nobody up. */
int keep_find(struct policy *policy, const struct keep_conf *conf, const struct changes *changes,
	      struct wants *out, struct err *err);
void wants_free(struct wants *wants);
#define AUTO_WANTS CLEANUP(wants_free)

struct keep_result {
	size_t kept;	       /* that the store did not have */
	struct strings failed; /* a sentence for each that could not be kept */
	char *names;	       /* "zlib1g 1:1.2.13, libssl3 3.0.11"; NULL: none */
};

void keep_result_free(struct keep_result *result);
#define AUTO_KEEP_RESULT CLEANUP(keep_result_free)

/* Under policy_lock. Returns 0 also where something could not be kept. */
int keep(struct store *store, const struct wants *wants, elf_facts_fn *facts,
	 struct keep_result *out, struct err *err);

/* The kept versions that gc has to leave: items are the caller's to free. */
int keep_retained(struct store *store, const struct keep_conf *conf, int64_t now,
		  struct digests *out, struct err *err);

/* The watched apps, sorted; and the new list of them. */
int watched_read(struct strings *out, struct err *err);
int watched_write(const struct strings *paths, struct err *err);
