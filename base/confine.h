/* Takes all privileges from the calling process: for children that parse foreign bytes (base/parser.h). */
#pragma once

#include <sys/resource.h>

/* For a child just forked. Input becomes descriptor 0, output 1, and all others are closed. If the caller was root,
 * the child becomes nobody, with no groups, where such a user exists (a user namespace may map none). It has no
 * capabilities, no_new_privs, resource limits, and a filter that kills it at any system call beyond those for reading
 * an archive, or a file whose descriptor arrives through a socket at 0. Returns NULL, or the step that failed, with
 * errno set. */
const char *confine(int input, int output);

/* Lowers a limit (getrlimit(2)) of the calling process, soft and hard, to most. A lower limit of the caller stays:
 * a process without privileges cannot raise it. -1 with errno. */
int confine_limit(int resource, rlim_t most);
