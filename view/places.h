/*
 * Places: the directories from which a program's loader may choose a library, and how a view makes it
 * choose the pinned file there. The pin wins by place, so the live ld.so.cache stays true and the
 * view needs no copy of it.
 *
 * F is a file of a pinned version, D its directory and S its soname (DT_SONAME). Variants are the
 * directories glibc-hwcaps/x86-64-v2 and so on, which ld.so(8) searches before the directory itself.
 *
 * | case                                            | the view shows                         | why                                   | test                                |
 * |-------------------------------------------------|----------------------------------------|---------------------------------------|-------------------------------------|
 * | F has another name than S                       | S in D: a link to F                    | the loader looks for S                | scenarios/view: "a single file"     |
 * | the loader may choose S in another directory    | S there: a link to F                   | the live copy would be chosen first   | scenarios/view: "a cache entry",    |
 * | (DT_RPATH, DT_RUNPATH, ld.so.cache, defaults)   |                                        |                                       | "DT_RUNPATH", "DT_RPATH"            |
 * | ... and this is a variant of D, which is a      | no S there (a whiteout)                | the loader goes on to F itself; found | scenarios/view: "glibc-hwcaps",     |
 * | default directory                               |                                        | by a link, F has another $ORIGIN      | "the loader's cache names it"       |
 * | ... and the version has a file for this variant | S there: a link to the best such file, | the processor may take it             | unit/view_places                    |
 * | or a lower one                                  | or nothing where that file is itself   |                                       |                                     |
 * | a variant that has no S today (amd64)           | the same                               | an upgrade may bring S there          | unit/view_places, scenarios/freeze  |
 * | nothing above, and D is no default directory    | S in /usr/lib/TRIPLET: a link to F     | ld.so.cache has no entry for S in D   | scenarios/view: "does not have"     |
 * | F has no soname, and is a .so in a default      | the same, with F's name for S          | programs may need it by that name     | scenarios/view: "without a soname"  |
 * | directory                                       |                                        |                                       |                                     |
 * | ... in another directory                        | F alone                                | programs open such modules by path    | scenarios/view: "by its path"       |
 * | S is not lib*.so.*                              | no variants, no default directory      | a module, opened by its path          | unit/view_places                    |
 * | the pin names a further directory               | S there: a link to F                   | a program opens it by that path, or a | scenarios/effect: "further          |
 * |                                                 |                                        | launcher sets LD_LIBRARY_PATH         | directory"                          |
 * | S contains a slash                              | F, as without a soname                 | the loader takes it for a path        | unit/view_places                    |
 */
#pragma once

#include "base/err.h"
#include "loader/program.h"
#include "view/compose.h"

/* The program whose loader chooses: the app, or the interpreter of a script. */
struct place_loader {
	struct program program;
	const char *path;  /* for $ORIGIN */
	const char *place; /* a further directory for the current version's sonames; NULL */
};

/* /usr/lib/TRIPLET of the program's architecture. dir holds PATH_MAX bytes. */
void places_default_dir(const struct elf *elf, char dir[PATH_MAX]);

/* Adds what the loader needs to choose this entry of the version; nothing if the loader would not
 * look for it. last is compose_live_path's. */
int places_add(struct composition *c, struct place_loader *l, struct compose_dir *last,
	       const struct version *v, const struct entry *e, struct err *err);
