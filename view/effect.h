/*
 * Effects: whether a program that works with its pins uses them.
 *
 * V is a pinned version with sonames. "Loads V" means: one of V's libraries, from the view's layer.
 *
 * | case, the first that is true                             | message           | test, in scenarios/effect |
 * |----------------------------------------------------------|-------------------|---------------------------|
 * | the program's text has LD_LIBRARY_PATH, and a directory  | may have no       | "a launcher"              |
 * | that it names or its own has another copy of a library   | effect            |                           |
 * | the program loads V when it starts                       | nothing           | "takes effect"            |
 * | a module that it may load (late/modules.h) loads V       | nothing           | "loads it later"          |
 * | the text of the program, or of a library that it loads,  | may have no       | "opened by its path"      |
 * | has the path of another copy                             | effect            |                           |
 * | ... has a soname of V                                    | nothing           | "opened by its name"      |
 * | one of them can load libraries or start programs, or V   | may have no       | "starts others", "data"   |
 * | has files that are no libraries                          | effect            |                           |
 * | ... but the program is a script, or V was frozen or      | nothing           | "without LD_LIBRARY_PATH" |
 * | added by --with-deps                                     |                   |                           |
 * | none of these                                            | has no effect     | "has no effect"           |
 */
#pragma once

#include "base/strings.h"
#include "base/sysroot.h"
#include "loader/closure.h"
#include "policy/policy.h"
#include "store/version.h"

/* Appends a sentence for each version that has, or may have, no effect; to against, where a sealed program names another
 * copy by its path: no pin of its reaches that. pinned are the versions that
 * the app's pins mean, in their order. closure is the app's, or that of the script's interpreter, in
 * its view, sysroot; later are the sonames that its modules load from layers (modules_check). */
int effect_check(const struct app *app, const struct versions *pinned,
		 const struct sysroot *sysroot, const struct closure *closure,
		 const struct strings *later, struct strings *out, struct strings *against,
		 struct err *err);
