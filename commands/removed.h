/* The pins that a command has taken away: for unset and thaw. */
#pragma once

#include "cli/session.h"

/* After session_activate: the pins that these apps had in the generation before and have no more. A line for each, "APP
 * NAME VERSION removed", and one for each app that is no longer wrapped; in the open JSON object the array "removed". */
int removed_print(struct session *session, const struct strings *apps, struct err *err);
