/*
 * Objects: the contents of files, by SHA-256. New ones are written into a staging directory below
 * ROOT/tmp, and move to ROOT/objects together, after one sync.
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "store/root.h"

#include <stdbool.h>
#include <stdint.h>

#define OBJECT_PATH (DIGEST_HEX + 1) /* "ab/cdef..." */
void object_path(const struct digest *digest, char path[OBJECT_PATH]);

/* The object's file, open for reading; -ENOENT if it is missing, else checked to be a regular
 * file. The caller rehashes what it uses. */
int object_open(const struct store *store, const struct digest *digest, struct err *err);

/* An object that is being written into the directory dir. */
struct object_writer {
	const struct store *store; /* the caller's, and dir too */
	int dir;
	int fd;
	char name[64];
	struct digest_stream *digest;
	uint64_t size;
};

#define OBJECT_WRITER_NONE ((struct object_writer){.dir = -1, .fd = -1})
#define AUTO_OBJECT_WRITER CLEANUP(object_abandon)

int object_begin(const struct store *store, int dir, struct object_writer *w, struct err *err);
int object_write(struct object_writer *w, const void *data, size_t len, struct err *err);
/* Gives the file this time. It is now dir/HEX. *fd, open for reading, is the caller's. */
int object_end(struct object_writer *w, int64_t time, struct digest *out, int *fd, struct err *err);
void object_abandon(struct object_writer *w); /* fine after object_end too */

/* Moves dir/HEX, which is synced already, to ROOT/objects. An object that is there already stays if
 * its content is right, else it is replaced. -ENOENT: the object is in neither place. */
int object_publish(const struct store *store, int dir, const struct digest *digest,
		   struct err *err);
/* fsyncs the directories that object_publish wrote to. */
int object_sync(const struct store *store, const bool touched[256], struct err *err);
