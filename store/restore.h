/* What to say of a damaged part of the store: the command that brings it back, by its origin. */
#pragma once

#include "store/store.h"

#define RESTORE_MAX 600

/* Fills text with the rest of a sentence: "restore it with: pinlib add apt:libfoo1=1.2-3", or that
 * its origin is not known. */
void restore_version(struct store *store, const struct digest *digest, char text[RESTORE_MAX]);

/* The same of the first version that has this content. */
void restore_object(struct store *store, const struct digest *content, char text[RESTORE_MAX]);
