/* Takes all privileges from the calling process. */
#pragma once

/* For a child just forked: input becomes descriptor 0, output 1, all others are closed; nobody's
 * ids and no groups if it was root (and there is a nobody: a user namespace may have none), no capabilities, no new privileges, resource limits, and
 * a filter that kills it on any system call but the few that it takes to read an archive, or a file
 * whose descriptor is handed in through a socket at 0. NULL, or what failed, with errno set. */
const char *confine(int input, int output);
