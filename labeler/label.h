/* The parts of a view's label (plan/format.h), and whether its app would get the same view now. */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct label_state {
	char app[PATH_MAX]; /* whose view it is; child processes inherit the view */
	bool cut;	    /* app is only the start of a path, and no wrapped app has that path */
	int64_t generation;
	bool superseded; /* the app would get other files now, or is no longer wrapped */
};

/* Parses a label and compares its layer with that of the app's plan. Not the whole label: a pin that was removed and set
 * again, or another --on-failure, gives the same files in a new generation. -EINVAL: not a label of pinlib's; -EPERM,
 * -EBADMSG: the plan is unusable, and all of out but superseded is valid. */
int label_read(const char *label, struct label_state *out, struct err *err);
