/*
 * Configuration: the files below /etc of pinned versions. They are the administrator's, so a view shows one only where
 * the live system has none: an upgrade removed it, or the version never was installed here.
 *
 * | the version has                               | the view shows                | why                               | test                            |
 * |-----------------------------------------------|-------------------------------|-----------------------------------|---------------------------------|
 * | a file below /etc that exists on the live     | the live one                  | the administrator may have edited | scenarios/config: "the          |
 * | system, even as a dangling link               |                               | it                                | administrator's"                |
 * | a link to a file or directory below /etc that | the version's, in place of    | no file of /etc has to be shown   | scenarios/config: "a link"      |
 * | does not exist, and is not shown as below     | the link                      |                                   |                                 |
 * | a link to a file below /etc that nobody has   | the version's one file of     | ucf(1) would have copied this     | scenarios/brought: "ucf"        |
 * |                                               | that name below /usr/share,   | default                           |                                 |
 * |                                               | or with the ending .ucf       |                                   |                                 |
 * | a file or link below /etc that does not       | the file or link              | the cover hides no change that an | scenarios/config: "a private    |
 * | the nearest directory has nothing but files   |                               | administrator makes to other      | directory"                      |
 * | of the pinned versions                        |                               | programs' configuration           |                                 |
 * | ... and that directory is shared, or is /etc  | nothing                       | a running program would go on     | scenarios/config: "shared"      |
 * |                                               |                               | seeing old resolv.conf, passwd    |                                 |
 * | ... but has not the version's directory       | the file, in a directory that | the directory is nobody else's    | scenarios/config: "makes"       |
 * | there                                         | pinlib makes for it           |                                   |                                 |
 */
#pragma once

#include "store/version.h"
#include "view/compose.h"

/* To be called when the composition has the entries of all versions, before it is settled. With makes the caller makes
 * directories of covers that do not exist; else none are used. */
int config_add(struct composition *c, const struct versions *versions, bool makes, struct err *err);
