/* Processes of others, for people and as JSON. */
#pragma once

#include "labeler/who.h"

#include <limits.h>

#define PROGRAM_NAME_MAX (PATH_MAX + 8)

/* From our own account database; the number where that does not have it. Until the next call. */
const char *user_name(uid_t uid);

/* Whoever hides the path of their program still has a name: "[NAME]". */
void program_name(const struct who *who, char text[PROGRAM_NAME_MAX]);

/* "process 123 (alice, /usr/bin/app)", printable; until the next call. */
const char *who_text(const struct who *who);

/* One warning for the first of those that did not answer, and how many others there are; then ": " and what. */
void warn_silent(const struct silent *silent, const char *what);

/* The members of an open object; and an array "silent" of objects that have them. */
void json_who(const struct who *who);
void json_silent(const struct silent *silent);
