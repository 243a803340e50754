/*
 * The libraries of a process, from /proc/PID/maps: whether each comes from its view or from the live system, and whether
 * the file at its path is still the mapped one. The same for the program itself: a view goes on showing the file that it
 * was built with, so a program that was upgraded and executes its own path gets the old file again.
 *
 * For a file in an overlay the kernel (Linux 6.18) shows the path in the overlay, the inode number of the lower file, and
 * the overlay's device (before 6.8 the lower file's). When the lower file is replaced, the kernel adds no "(deleted)",
 * and the path in the overlay still leads to the old file. So the inode number is compared with that of the file in the
 * layer or live directory now. If the live directory is an overlay itself (a container), the path starts below it
 * ("/libc.so.6"), and "(deleted)" is added. For all other files "(deleted)" is exact.
 *
 * A library that is in no layer can be another copy of one that is: of a launcher's LD_LIBRARY_PATH, or opened by its
 * path. Its name tells; the file is not read, since it may be on a user's file system.
 */
#pragma once

#include "base/err.h"
#include "labeler/layer_names.h"
#include "labeler/mount_tables.h"

struct mapping {
	unsigned long start, end;
	dev_t dev;
	ino_t ino;
	char *path;   /* as the kernel wrote it: newline is \012, backslash is not escaped */
	bool deleted; /* the line ended in " (deleted)", which can be part of a name, too */
};

/* Parses a line in place. False if it names no file. */
bool mapping_parse(char *line, struct mapping *out);

/* Judges by the name alone: libNAME.so, NAME.so.1.2, libNAME-1.2.so. */
bool mapping_is_library(const char *path);

struct library {
	char *path; /* in the process's mount namespace */
	ino_t ino;
	bool pinned; /* from a layer of the view, not from the live system */
	bool stale;  /* replaced or deleted since */
	bool copy;   /* not pinned, but a library of this name is, in the view */
};

struct libraries {
	struct library *items; /* each once, sorted by address */
	size_t count;
	bool program_stale; /* the program's own file was replaced or deleted since */
};
void libraries_free(struct libraries *libs);

#define LIBRARIES_MAX 4096 /* of one process */

/* Inode numbers of the files in layers and live directories, each path looked up once, and the names in layers. */
struct inode_cache {
	void *by_path; /* of tsearch(3) */
	struct layer_names layers;
};
void inode_cache_free(struct inode_cache *cache);

/* The libraries of a process whose /proc/PID/exe is program (NULL: unknown). Looks up files only in the directories of
 * overlays that are not TRUST_NO. cache starts as zeros, and later calls can share it. -EACCES: the caller may not read
 * the maps; -E2BIG: more than LIBRARIES_MAX. A process that has ended has no libraries. */
int libraries_read(const struct mount_tables *tables, const struct process_tables *process,
		   const char *program, struct inode_cache *cache, struct libraries *out,
		   struct err *err);
