/*
 * Covers: the directories over which a view lays its overlays.
 *
 * | case                                                | the cover is             | why                                            | test                         |
 * |-----------------------------------------------------|--------------------------|------------------------------------------------|------------------------------|
 * | a path below /usr/lib/TRIPLET                       | /usr/lib/TRIPLET         | an upgrade may remove a deeper directory, and  | unit/view_places             |
 * |                                                     |                          | a cover has to exist at the next start         | scenarios/freeze             |
 * | ... below /usr/lib/locale, /usr/share/misc, ...     | that directory           | essential packages own it: it stays            | unit/view_places             |
 * | ... below /usr/lib, /usr/share, ...                 | that directory           | as in the first line                           | unit/view_places             |
 * | ... elsewhere, /usr/local as well                   | the nearest that exists  | no package removes directories there           | scenarios/view: "/opt"       |
 * | ... and that is /opt, /srv, /usr/local/lib, ...,    | none: the pin is refused | the view would cover other programs' trees for | scenarios/writable           |
 * | with no pinned file in it                           |                          | want of one directory                          |                              |
 * | a mount between the two                             | the root of that mount   | the mount would hide a higher cover, and stays | unit/view_places             |
 * |                                                     |                          | because it is busy                             |                              |
 * | the cover would hold /proc, /etc, /usr/bin, ...     | none: the pin is refused | the machine needs these directories            | unit/view_places             |
 * | ... but it is /usr/bin, for an interpreter or the  | that directory           | DESIGN.md, programs-of-version and             | unit/view_places             |
 * | app's own package, or below /etc, for               |                          | configuration-stays-live                       |                              |
 * | configuration that is gone                          |                          |                                                |                              |
 * | users other than root can write the directory       | none: the pin is refused | they could move it while a view is built       | scenarios/freeze: "left out" |
 * | one cover below another                             | the upper one            | one overlay shows both                         | unit/view_places             |
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "view/compose.h"

/* The directory to cover so that path, which is canonical, can be shown: it exists. -EINVAL, -EPERM:
 * no cover can show the path, and err says why. */
int cover_of_path(const char *path, char cover[PATH_MAX], struct err *err);

/* Whether a cover can show a program at path, which is canonical. */
bool cover_may_show_program(const char *path);

/* The covers of a composition, sorted and none below another. -E2BIG: more than a plan can have. */
int covers_choose(const struct composition *c, struct strings *out, struct err *err);

/* The number of the cover that holds path. */
size_t covers_index(const struct strings *covers, const char *path);
