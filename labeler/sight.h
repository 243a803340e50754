/* What a process sees: the live system, or a view that is laid over it. The one shape in which the
 * labeler is told of a view; enter.h builds it, the readers look through it. */
#pragma once

#include "base/cover.h"

#include <stddef.h>

/* All zero: the live system. Strings are the caller's. */
struct sight {
	const struct cover *covers; /* as in the plan: none lies below another */
	size_t ncovers;
	const char *app;   /* NULL, or the path at which ... */
	const char *real;  /* ... this file of the live system is to be seen */
	const char *label; /* of the view: what stands in the source field of its overlays */
};
