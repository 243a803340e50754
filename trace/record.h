/*
 * A record of a traced run: each image of a process with all files that it used, each once for each kind of use. An
 * image is handed over when it ends, so only running processes need memory: RECORD_MAX bytes together. Of paths beyond
 * that only the number is kept (DESIGN.md, record-by-image).
 */
#pragma once

#include "base/digest.h"
#include "trace/event.h"

#define RECORD_MAX ((size_t)256 << 20)

struct recorded {
	enum trace_kind kind;
	char *path;
	char *to;    /* of TRACE_RENAMED; else NULL */
	char *file;  /* the path without links, if the file was opened or executed; else NULL */
	char *moved; /* where this image has renamed a file to that it wrote; else NULL */
	dev_t dev;   /* of file, with ino */
	ino_t ino;   /* 0: unknown, or the report may not have a digest */
	/* Of a regular file that was read, as it was when it was opened; of one that was written and is still there, as it
	 * is when the image ends. */
	bool has_digest;
	struct digest digest;
};

struct record {
	const struct trace_process *process;
	int64_t began; /* in seconds since 1970 */
	struct recorded *items;
	size_t count;
	size_t left_out; /* the number of uses beyond RECORD_MAX */
	int status;	 /* as waitpid(2) gives it, or TRACE_REPLACED */
};

/* Called at the end of each image; record is freed afterwards. A negative error ends the trace. */
typedef int record_fn(void *ctx, const struct record *record, struct err *err);

struct recorder;
/* digests: of the files that are read and written. NULL: out of memory. */
struct recorder *recorder_begin(bool digests, record_fn *done, void *ctx);
void recorder_consumer(struct recorder *recorder, struct trace_consumer *out);
void recorder_end(struct recorder **recorder);
#define AUTO_RECORDER CLEANUP(recorder_end)
