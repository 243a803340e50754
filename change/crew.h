/*
 * A crew: child processes, one for each processor, that together work through a list of items.
 *
 * A child is a copy of the calling process at crew_run, and only its answers reach the caller. Threads
 * would not do: the rooms are not written for them, and much of the work forks. No child outlives the caller.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Runs in a child: works on one item and writes the answer. */
typedef void crew_work_fn(void *ctx, size_t item, FILE *answer);

/* Runs in the caller, in the order in which children finish. text is the answer, with a NUL after its
 * len bytes; it belongs to the crew. NULL: the child died while it worked on this item. */
typedef void crew_answer_fn(void *ctx, size_t item, const char *text, size_t len);

/* Works on items 0 to count - 1, and begins them in this order. until is a time of the monotonic
 * clock (base/clock.h), 0 for none: then the children are killed, and the remaining items get no answer. */
int crew_run(size_t count, int64_t until, crew_work_fn *work, crew_answer_fn *answer, void *ctx,
	     struct err *err);
