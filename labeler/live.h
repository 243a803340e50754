/* Which views are in use: their labels, from the mount tables of all processes (tables.h). */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct live {
	char **labels; /* without PINLIB_SOURCE; each once */
	size_t count;
};

/* The labels of all views that a thread of a running process has, forged ones included. Processes
 * that vanish while it looks are no error; one whose table cannot be read is (-EACCES, -EPERM),
 * and so are processes that /proc hides (-EACCES): then nothing may be collected. */
int live_labels(struct live *out, struct err *err);
void live_free(struct live *live);
#define AUTO_LIVE CLEANUP(live_free)

/* 1 if the calling process is in a view itself, 0 if not, or a negative error. */
int live_in_view(struct err *err);
