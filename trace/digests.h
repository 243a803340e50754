/* Digests of the files that a traced program uses. Only regular files are opened; none in /proc and the like,
 * none larger than DIGESTED_MAX, and for root none on a user's FUSE file system (base/fuse.h). A file is hashed once as long as
 * its size and times stay. */
#pragma once

#include "base/digest.h"
#include "trace/event.h"

#define DIGESTED_MAX ((off_t)4 << 30)

struct file_digest {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec ctime, mtime;
	struct digest digest;
};

struct digest_cache {
	struct file_digest *table; /* by number; ino 0: free */
	size_t room, count;	   /* room: a power of two, or 0 */
};
void digests_free(struct digest_cache *digests);

/* The file that a stopped thread has open. False: it has none. */
bool digests_open_file(struct digest_cache *digests, const struct trace_event *event,
		       struct digest *out);
/* The file at path, if it is still this one. */
bool digests_path(struct digest_cache *digests, const char *path, dev_t dev, ino_t ino,
		  struct digest *out);

/* Whether the report may have the digest of a file that was opened for writing alone: root's tracer could read what the
 * process could not. The file must be the process's, or readable for everybody. */
bool digests_may_tell(const struct trace_event *event);
