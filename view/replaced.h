/*
 * Replaced files: to a view, a pinned version that is a package takes the place of the installed package of its
 * name. So the view hides the files of the installed one that the version does not have, as if dpkg had replaced it:
 * a program that lists its directory of modules finds those of the pinned version alone.
 *
 * | the live system has                                           | the view              | why                                               | test                                  |
 * |---------------------------------------------------------------|-----------------------|---------------------------------------------------|---------------------------------------|
 * | a file of that package, which no pinned version has           | hides it (a whiteout) | it belongs to the other version                   | scenarios/replaced: "frozen program"  |
 * | a directory with nothing but such files                       | hides the directory   | one whiteout is enough                            | scenarios/replaced: "one whiteout"    |
 * | a file of another package                                     | shows it              | the directory is shared                           | scenarios/replaced: "merged"          |
 * | a file of no package                                          | shows it              | a maintainer script made it, or the administrator | scenarios/replaced: "merged"          |
 * | a file directly in a directory that ld.so searches by default | shows it              | another library may need its soname               | scenarios/replaced: "libraries"       |
 * | a file outside of all covers                                  | shows it              | a whiteout alone is no reason for a cover         | scenarios/replaced: "alone"           |
 * | the app itself                                                | shows it              | the program is mounted there                      | scenarios/replaced: "the app itself"  |
 * | a file that is diverted                                       | shows it              | the file at that path is not the package's        | scenarios/replaced: "diverted"        |
 * | a file that others than root can exchange                     | shows it              | a user would decide what a view has               | scenarios/replaced: "a user"          |
 * | the package with its copyright file, which the version lacks  | shows all of it       | the version is a file or a tree of that name      | scenarios/replaced: "not the package" |
 *
 * Only a version with files outside of ld.so's directories counts: for plain libraries dpkg is not asked.
 */
#pragma once

#include "base/strings.h"
#include "view/compose.h"

/* Adds the whiteouts to a settled composition, and settles it again. app is the path of the app. May ask dpkg
 * (dpkg/installed.h). */
int replaced_hide(struct composition *c, const struct versions *versions,
		  const struct strings *covers, const char *app, struct err *err);
