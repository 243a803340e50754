/*
 * What a view makes read-only although a program may write there: an overlay without an upper directory is read-only
 * for everybody, root included (DESIGN.md, read-only-refused).
 *
 * | the cover has                                            | the pins are          | why                                        | test               |
 * |----------------------------------------------------------|-----------------------|--------------------------------------------|--------------------|
 * | nothing of the kinds below, or is below /usr/lib, ...    | accepted              | only package managers write there, see     | scenarios/writable |
 * |                                                          |                       | pinlib(1), CAVEATS                         |                    |
 * | files or directories that users other than root write    | refused               | the app's own state is the likeliest       | scenarios/writable |
 * | directories called log, state, ...; files called *.log,  | refused               | variable data by its name: the app may run | scenarios/writable |
 * | *.pid, ...: directly in the cover; sockets, FIFOs        |                       | as root, and then owners tell nothing      |                    |
 * | ... any of these, but the cover is in /usr/local         | accepted, with a note | many programs share it                     | scenarios/writable |
 * | in /usr/local, a directory called like the program:      | refused               | pip, R and npm install there               | e2e/readonly       |
 * | python3.11, R, node_modules                              |                       |                                            |                    |
 * | anything that is mounted, or is a symbolic link          | accepted              | a view shows mounts below a cover as they  | scenarios/writable |
 * |                                                          |                       | are, and a link leads out of it            |                    |
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "store/store.h"

/* Looks for such files in the covers, and adds a sentence for each cover that has some: to reasons against the pins, or
 * to remarks. Reads only directories that only root can write. */
int readonly_find(struct store *store, const struct app *app, const struct strings *covers,
		  struct strings *reasons, struct strings *remarks, struct err *err);
