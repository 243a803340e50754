/* Damaged contents: the command that restores one. */
#pragma once

#include "store/origin.h"

/* As origin_restore, for the first version that has this content. */
void restore_object(struct store *store, const struct digest *content,
		    char text[ORIGIN_RESTORE_MAX]);
