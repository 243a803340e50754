/*
 * /proc/PID/maps: the files that a process has mapped, and what its libraries are: of its view
 * or of the live system, and whether the file that it has is still the one at that path.
 *
 * What the kernel shows of a file in an overlay (seen on Linux 6.18): the path in the overlay and
 * the inode number of the file below it; the device is the overlay's (before 6.8 the file's). No
 * "(deleted)", and the path there keeps showing the old file, when the file below it was replaced:
 * so the number has to be compared with what the layer or the live directory shows now. Where
 * the live directory is an overlay itself (a container) the path starts below it ("/libc.so.6"),
 * and
 * "(deleted)" is there. Everywhere else "(deleted)" is exact.
 */
#pragma once

#include "base/err.h"
#include "labeler/mount_tables.h"

#include <stdio.h>

struct mapping {
	unsigned long start, end;
	dev_t dev;
	ino_t ino;
	char *path;   /* as the kernel wrote it: newline is \012, backslash is itself */
	bool deleted; /* path had " (deleted)" after it; a file can be named so, too */
};

/* Takes a line apart, in place. False if it names no file. */
bool mapping_parse(char *line, struct mapping *out);

/* libNAME.so, NAME.so.1.2, libNAME-1.2.so: by its name alone. */
bool mapping_is_library(const char *path);

struct library {
	char *path; /* in the process's mount namespace */
	ino_t ino;
	bool pinned; /* of the view, not of the live system */
	bool stale;  /* replaced or deleted since */
};

struct libraries {
	struct library *items; /* each once, in the order of addresses */
	size_t count;
};
void libraries_free(struct libraries *libs);
#define AUTO_LIBRARIES CLEANUP(libraries_free)

#define LIBRARIES_MAX 4096 /* of one process */

/* What layers and live directories show now; asked once for each path. */
struct places;
void places_free(struct places **places);
#define AUTO_PLACES CLEANUP(places_free)

/* The libraries of a process. Only what overlays that are not untrusted are made of is looked up.
 * *places starts as NULL and can serve many processes. -EACCES: not ours to look at; -E2BIG: more
 * than LIBRARIES_MAX. A process that ends has none. */
int libraries_read(const struct mount_tables *tables, const struct process_tables *process,
		   struct places **places, struct libraries *out, struct err *err);
