/*
 * Diversions (dpkg-divert(1)): where dpkg unpacks a file under another name.
 *
 * dpkg-divert prints sentences, whose paths may themselves contain " to ": such a line has
 * several readings, and the caller knows which one it means.
 */
#pragma once

#include "base/strings.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Appends dpkg's lines, one for each diversion; none without dpkg. */
int diversions_list(struct strings *lines, struct err *err);

struct diversion {
	bool local; /* the administrator's, or pinlib's; else a package's */
	char from[PATH_MAX], to[PATH_MAX];
};

/* The nth reading of a line, from 0. False: there are not so many. */
bool diversion_read(const char *line, size_t nth, struct diversion *out);

/* Adds, or removes, the local diversion of from to to, on the disk too. No file is moved. */
int diversion_add(const char *from, const char *to, struct err *err);
int diversion_remove(const char *from, const char *to, struct err *err);

/* Brings to the disk what a killed dpkg-divert may have left undone. */
int diversions_sync(struct err *err);
