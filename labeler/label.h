/* What a view's label says, and whether the view is still the one that its app would get now. */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct label_state {
	char app[PATH_MAX]; /* whose view it is; children inherit it */
	bool cut;	    /* app is only the beginning of its path: no such app is wrapped now */
	int64_t generation;
	bool superseded; /* the app would be given other files now, or is no longer wrapped */
};

/* Compares with the app's plan: what a start would use. Not the label but the layer in it, since a
 * pin that went and came back, or another --on-failure, has another generation with the same
 * files. -EINVAL: not a label that pinlib makes; -EPERM, -EBADMSG: of the plan, and all of out but
 * superseded is good. */
int label_read(const char *label, struct label_state *out, struct err *err);
