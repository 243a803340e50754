/* Which files of the live system programs load, as its loader has it: one look at many programs;
 * and which of them changes of packages touch. */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "loader/index.h"
#include "loader/scan.h"
#include "policy/policy.h"
#include "upgrade/keep.h"

struct program_file {
	const char *path;   /* canonical; the scan's, of the app itself its caller's */
	const char *soname; /* the scan's; NULL if it has none */
	size_t app;	    /* whose: the number of the path in apps */
	bool program;	    /* the app itself, always its first */
};

struct program_files {
	struct program_file *items; /* together for each app, in the order of apps */
	size_t count;
	struct index *index; /* what the strings belong to, */
	struct scan *scan;   /* in this order */
};

/* Apps that are pinned count as if they were not: a pin may go one day. One that is gone or
 * malformed loads nothing. apps has to live as long as *out. */
int program_files_read(const struct strings *apps, struct program_files *out, struct err *err);
void program_files_free(struct program_files *loads);
#define AUTO_PROGRAM_FILES CLEANUP(program_files_free)

#define UNTOUCHED ((size_t)-1)
struct touched {
	size_t *of;	 /* of each load the number of the change that touches it, or UNTOUCHED */
	bool *libraries; /* of each change: its package has shared libraries */
};

/* Asks dpkg once, whatever the numbers. */
int program_files_touched(const struct program_files *loads, const struct changes *changes,
			  struct touched *out, struct err *err);
void touched_free(struct touched *touched);
#define AUTO_TOUCHED CLEANUP(touched_free)
