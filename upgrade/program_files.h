/* The files of the live system that programs load, as their loader finds them, and which of the
 * files a change of packages touches. */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "loader/ldview.h"
#include "upgrade/changes.h"

#include <stdbool.h>
#include <stddef.h>

struct program_file {
	const char *path;   /* canonical; it belongs to the view, the app's own to the caller */
	const char *soname; /* it belongs to the view; NULL: the file has none */
	size_t app;	    /* the number in apps of the program that loads the file */
	bool program;	    /* the app itself, always its first */
};

struct program_files {
	struct program_file *items; /* together for each app, in the order of apps */
	size_t count;
	struct ldview *view; /* owns the strings */
};

/* Pinned apps count as if they had no pins, since a pin may go one day. An app that is gone or
 * malformed loads nothing. apps has to live as long as *out. */
int program_files_read(const struct strings *apps, struct program_files *out, struct err *err);
void program_files_free(struct program_files *files);
#define AUTO_PROGRAM_FILES CLEANUP(program_files_free)

#define UNTOUCHED ((size_t)-1)
struct touched {
	size_t *of;	 /* of each file the number of the change that touches it, or UNTOUCHED */
	bool *libraries; /* of each change: its package has shared libraries */
};

/* Asks dpkg once, however many files there are. */
int program_files_touched(const struct program_files *files, const struct changes *changes,
			  struct touched *out, struct err *err);
void touched_free(struct touched *touched);
#define AUTO_TOUCHED CLEANUP(touched_free)
