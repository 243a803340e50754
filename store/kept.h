/*
 * Kept versions: what an upgrade was about to take away. Beside the manifest stands a note
 * (store/note.h) of when, why and for whom:
 *
 *	ROOT/kept/abcdef...
 *
 *	time	1763734920            seconds since 1970
 *	why	upgrade to 1:1.3-1
 *	for	/usr/bin/curl         a line for each app; none: for no one in particular
 */
#pragma once

#include "base/cleanup.h"
#include "base/path.h"
#include "store/root.h"
#include "store/version.h"

#include <stdint.h>

struct kept {
	struct digest digest;
	char *name, *version, *arch;
	uint64_t size; /* of its files, whoever else has them */
	int64_t time;
	char *why;
	char **apps;
	size_t napps;
};

struct kepts {
	struct kept *items; /* newest first */
	size_t count;
};

void kepts_free(struct kepts *kepts);
#define AUTO_KEPTS CLEANUP(kepts_free)

/* Takes the place of what was noted of that version before. */
int kept_write(struct store *store, const struct digest *digest, int64_t when, const char *why,
	       const char *const *apps, size_t napps, struct err *err);

/* Of versions that are there and whole; damaged notes count as none. */
int kept_list(struct store *store, struct kepts *out, struct err *err);

/* Whether what is noted of a version can be read: -ENOENT, -EBADMSG. */
int kept_check(struct store *store, const struct digest *digest, struct err *err);
