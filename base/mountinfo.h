/* The mount table of the calling process's namespace: /proc/self/mountinfo, proc_pid_mountinfo(5). Allocates nothing,
 * so that the wrapper can use it; not reentrant. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* One line. The strings live until the next line is read. */
struct mountinfo {
	uint64_t id, parent;
	const char
		*root; /* the directory of the file system that is mounted, without "//deleted" */
	const char *point; /* the path that it is mounted on */
	const char *type, *source;
	const char *options; /* of the file system, "" if there are none */
	bool shared;	     /* has peers, which mounts and unmounts on it propagate to */
};

/* 0: go on; any other value ends the reading. */
typedef int mountinfo_fn(const struct mountinfo *mount, void *ctx, struct err *err);

/* Calls fn for each line, in the order of the table: a mount comes after its parent. Mounts that fn makes may appear
 * as well. Returns the last result of fn; -EBADMSG if the table is malformed. */
int mountinfo_each(mountinfo_fn *fn, void *ctx, struct err *err);
