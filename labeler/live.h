/* Which views are in use: their labels, from the mount tables of all processes (tables.h). */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct live {
	char **labels; /* without PINLIB_SOURCE; each once */
	size_t count;
};

/* The labels of all views that a thread of a running process has, forged ones included, and of
 * those that stand ready for services. Processes
 * that vanish while it looks are no error; one whose table cannot be read is (-EACCES, -EPERM),
 * and so are processes that /proc hides (-EACCES): then nothing may be collected. */
int live_labels(struct live *out, struct err *err);
void live_free(struct live *live);
#define AUTO_LIVE CLEANUP(live_free)

/* Waits, but never longer than milliseconds, for the launches that are under way now: processes
 * that are still the wrapper, and may have read a plan and not mounted its layers yet. So many are
 * left afterwards: ones that somebody has stopped, as a rule. To be called before live_labels,
 * which then sees the views that the others have built. Launches that begin meanwhile do not count.
 */
int live_launches(unsigned int milliseconds, size_t *left, struct err *err);

/* 1 if the calling process is in a view itself, 0 if not, or a negative error. */
int live_in_view(struct err *err);
