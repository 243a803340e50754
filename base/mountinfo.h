/*
 * The mount table of the calling process's namespace: /proc/self/mountinfo, proc_pid_mountinfo(5).
 * Allocates nothing, so the wrapper reads with it too; not reentrant.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* A line. The strings live until the next one is read. */
struct mountinfo {
	uint64_t id, parent;
	const char *root;  /* of the mount in its file system, without the kernel's "//deleted" */
	const char *point; /* where it is mounted */
	const char *type, *source;
	const char *options; /* of the file system, "" if there are none */
};

/* 0: go on; anything else ends the reading. */
typedef int mountinfo_fn(const struct mountinfo *mount, void *ctx, struct err *err);

/* Calls fn for each line, in the order of the table: a mount comes after the one it is mounted on.
 * What fn mounts meanwhile may be seen as well. Returns what fn returned last; -EBADMSG if the
 * table makes no sense. */
int mountinfo_each(mountinfo_fn *fn, void *ctx, struct err *err);
