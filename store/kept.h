/*
 * Kept versions: those that an upgrade was about to remove. A note (store/note.h) beside the manifest
 * records the date, the reason and the apps:
 *
 *	ROOT/kept/abcdef...
 *
 *	time	1763734920            seconds since 1970
 *	why	upgrade to 1:1.3-1
 *	for	/usr/bin/curl         a line for each app; no line: for no app in particular
 */
#pragma once

#include "base/cleanup.h"
#include "base/strings.h"
#include "store/root.h"
#include "store/version.h"

#include <stdint.h>

struct kept {
	struct digest digest;
	char *name, *version, *arch;
	uint64_t size; /* bytes of its files, shared ones too */
	int64_t time;
	char *why;
	struct strings apps;
};

struct kepts {
	struct kept *items; /* newest first */
	size_t count;
};

void kept_free(struct kept *kept);
void kepts_free(struct kepts *kepts);
#define AUTO_KEPTS CLEANUP(kepts_free)

/* Writes the note, in place of an earlier one of that version. */
int kept_write(struct store *store, const struct digest *digest, int64_t when, const char *why,
	       const char *const *apps, size_t napps, struct err *err);

/* Fills *out from the note alone: without name, version, arch and size. -ENOENT, -EBADMSG. Free it with kept_free, also
 * after an error. */
int kept_read(struct store *store, const struct digest *digest, struct kept *out, struct err *err);

/* Lists the versions that have a note. A damaged note counts as none. */
int kept_list(struct store *store, struct kepts *out, struct err *err);

/* 0 if a version has a note and it is whole; else -ENOENT or -EBADMSG. */
int kept_check(struct store *store, const struct digest *digest, struct err *err);
