/* Watched apps, whose libraries are kept although they have no pins: PINLIB_WATCHED, a path a
 * line. */
#pragma once

#include "base/err.h"
#include "base/strings.h"

/* Adds the watched apps to out. */
int watched_read(struct strings *out, struct err *err);

/* Sorts paths, and replaces the list by them, each once. */
int watched_write(const struct strings *paths, struct err *err);
