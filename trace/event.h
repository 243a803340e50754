/*
 * What a traced program does, as a stream: processes that begin and end, and the files that they use.
 *
 * A program that a process executes begins a new image of the process: TRACE_EXECUTED ends the old image with
 * status TRACE_REPLACED. Threads have no events of their own.
 *
 * Paths are absolute, as the process named them: a relative one is joined to its directory at the time of the call, in
 * a chroot(2) the root comes before it, and "//" and "/./" are removed. Links and ".." stay. A process controls its paths and its command line:
 * they can contain any byte but NUL.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum trace_kind {
	TRACE_EXECUTED, /* as a program; file is the program that runs: for a script its interpreter */
	TRACE_READ,	/* opened for reading */
	TRACE_LISTED, /* a directory's names were read */
	TRACE_EXAMINED, /* it exists: stat(2), access(2), readlink(2), open(2) with O_PATH, connect(2), ... */
	TRACE_MISSING, /* looked for in vain: ENOENT, ENOTDIR */
	TRACE_DENIED,  /* EACCES, EPERM, EROFS */
	TRACE_WROTE,   /* opened for writing, or truncated */
	TRACE_CREATED, /* a file, link, directory, device, FIFO or socket */
	TRACE_CHANGED, /* mode, owner, times or extended attributes */
	TRACE_RENAMED, /* path to `to` */
	TRACE_REMOVED,
	TRACE_MAPPED, /* mmap(2) of a file; only if all calls stop */
};
#define TRACE_KINDS (TRACE_MAPPED + 1)

/* One image of a process. The strings stay until its end was reported. */
struct trace_process {
	pid_t pid, parent;
	uint64_t start;	       /* in clock ticks after boot: field 22 of proc_pid_stat(5) */
	char *program;	       /* the link /proc/PID/exe; "" if it cannot be read */
	char *directory;       /* the working directory when the image began */
	char *command;	       /* its arguments, each with its NUL */
	size_t command_length; /* TRACE_COMMAND_MAX at most */
	void *data;	       /* the consumer's */
};
#define TRACE_COMMAND_MAX ((size_t)128 << 10)

struct trace_event {
	enum trace_kind kind;
	const char *path;
	const char *to;	       /* of TRACE_RENAMED; else NULL */
	const char *file;      /* without links, if the file is open; else NULL */
	pid_t thread;	       /* which is stopped during the report */
	int fd;		       /* in that thread, if the file is open; else -1 */
	const struct stat *st; /* of fd: mode, owner, numbers, size and times; NULL: unknown */
};

#define TRACE_REPLACED (-1) /* the status of an image whose process executed another program */

/* Each returns 0, or a negative error that ends the trace and the program. NULL: of no interest. */
struct trace_consumer {
	int (*begin)(void *ctx, struct trace_process *process, struct err *err);
	int (*file)(void *ctx, struct trace_process *process, const struct trace_event *event,
		    struct err *err);
	/* status: as waitpid(2) gives it, or TRACE_REPLACED. */
	int (*end)(void *ctx, struct trace_process *process, int status, struct err *err);
	void *ctx;
};
