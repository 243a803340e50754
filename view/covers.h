/*
 * Covers: the directories over which a view lays its overlays.
 *
 * | case                                          | the cover is                     | why                                       | test                       |
 * |-----------------------------------------------|----------------------------------|-------------------------------------------|----------------------------|
 * | a path in /usr/lib/TRIPLET or below           | /usr/lib/TRIPLET                 | an upgrade removes empty directories; a   | e2e/atomic                 |
 * |                                               |                                  | cover has to exist at the next start      |                            |
 * | ... in /usr/lib, /usr/share, /usr/local/lib.. | that directory                   | the same                                  | scenarios/view             |
 * | ... elsewhere                                 | the nearest that exists          | nothing is known about upgrades there     | scenarios/view: "/opt"     |
 * | a mount between the two                       | the root of that mount           | the mount would hide a higher cover, and  | attacks/mounts             |
 * |                                               |                                  | stays because it is busy                  |                            |
 * | the cover would hold /proc, /etc, /usr/bin .. | none: the pin is refused         | the machine needs these directories       | scenarios/refuse           |
 * | others than root can write the directory      | none: the pin is refused         | they could move it while a view is built  | attacks/writable           |
 * | one cover below another                       | the upper one                    | one overlay shows both                    | scenarios/view             |
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "view/compose.h"

/* The directory to cover so that path, which is canonical, can be shown: it exists. -EINVAL, -EPERM:
 * no cover can show the path, and err says why. */
int cover_of_path(const char *path, char cover[PATH_MAX], struct err *err);

/* The covers of a composition, sorted and none below another. -E2BIG: more than a plan can have. */
int covers_choose(const struct composition *c, struct strings *out, struct err *err);

/* The number of the cover that holds path. */
size_t covers_index(const struct strings *covers, const char *path);
