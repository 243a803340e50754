/* The outcome of a freeze: which versions were pinned, and which files stay the live system's. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct frozen {
	char *name, *version, *arch;
	char *before; /* the version that was frozen before; NULL: none was */
	bool changed; /* its content differs from what was frozen before */
};

struct left_out {
	char *path; /* of a file that stays the live system's */
	char *why;  /* the rest of a sentence: "belongs to glibc" */
};

#define LEFT_OUT_GLIBC "belongs to glibc"
#define LEFT_OUT_CONFIGURATION "is configuration, which stays the administrator's"
#define LEFT_OUT_STATE "is state of this machine, which the program may change"

struct freezing {
	struct frozen *items; /* sorted by name */
	size_t count;
	struct left_out *left;
	size_t nleft;
};

/* Appends copies. A path that was left out before is not added again. */
int freezing_add(struct freezing *f, const struct frozen *frozen, struct err *err);
int freezing_leave_out(struct freezing *f, const char *path, const char *why, struct err *err);

void freezing_sort(struct freezing *f);
void freezing_free(struct freezing *f);
#define AUTO_FREEZING CLEANUP(freezing_free)
