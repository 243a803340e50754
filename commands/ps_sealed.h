/* What `pinlib ps` prints of a process that maps objects of the store. */
#pragma once

#include "base/strings.h"
#include "cli/out.h"
#include "labeler/objects.h"

#include <stdbool.h>

bool ps_sealed_is_of(const struct object_user *user, const struct strings *apps);

/* A row of seven cells, some lines, and an object. */
void ps_sealed_row(const struct object_user *user, struct table *table);
void ps_sealed_print(const struct object_user *user);
void ps_sealed_json(const struct object_user *user, bool with_libs);

/* Says how many processes may be sealed and could not be read, unless nothing is sealed on this machine. */
void ps_sealed_warn(const struct object_users *users);
