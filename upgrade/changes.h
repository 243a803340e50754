/* What the readers of changes (upgrade/keep.h) share. */
#pragma once

#include "upgrade/keep.h"

/* Copies. to and file may be NULL. What stays the same version is no change. */
int changes_add(struct changes *out, const char *name, const char *arch, const char *from,
		const char *to, const char *file, struct err *err);
