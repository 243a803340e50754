/* The parsers of packages of other distributions, and the parts that these share. */
#pragma once

#include "unpack/parts.h"

/* Each writes the frames of the archive from its position on, but the END. */
void rpm_read(struct unpack *u, int archive);
void pkg_read(struct unpack *u, int archive);

/* Begins to read the rest of the archive as unpack_open does a member; u->sha hashes it as it is there. */
void unpack_rest(struct unpack *u, int archive);

/* Whether the member is for the other distribution's debugger only: links from build identifiers. */
bool unpack_is_debris(const char *member);
