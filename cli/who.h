/* Processes of other users, for people and as JSON. */
#pragma once

#include "labeler/who.h"

#include <limits.h>

#define PROGRAM_NAME_MAX (PATH_MAX + 8)

/* The name in the account database, or the number. Valid until the next call. */
const char *user_name(uid_t uid);

/* The path of the program, or "[NAME]" with the process's name where the path is hidden. */
void program_name(const struct who *who, char text[PROGRAM_NAME_MAX]);

/* "process 123 (alice, /usr/bin/app)", printable. Valid until the next call. */
const char *who_text(const struct who *who);

/* One warning that names the first process that did not answer and counts the others, followed by ": " and what. */
void warn_silent(const struct whos *silent, const char *what);

/* json_who adds the members of a process to the open object; json_silent adds an array "silent" of such objects. */
void json_who(const struct who *who);
void json_silent(const struct whos *silent);
