/*
 * Supplied programs: a pinned version may bring the app's program itself. The view then shows that file at the app's path,
 * and the live program stays where upgrades put it.
 *
 * | the pinned versions have                         | the program is            | test, in scenarios/supplied  |
 * |--------------------------------------------------|---------------------------|------------------------------|
 * | a file at the app's path, by any name of it      | that file                 | "supplies the program"       |
 * | a link there that ends at a file of theirs       | that file                 | "a link of the version"      |
 * | a link there that leads elsewhere, or nothing    | the live system's         | "leads elsewhere"            |
 * | a file at the path that `set --as` recorded      | that file                 | "beside the live one"        |
 * | nothing there                                    | none: the pins are        | "no longer has the program"  |
 * |                                                  | refused                   |                              |
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/version.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Loads the versions that the app's pins mean, in the order of the pins. */
int supply_load(struct store *store, const struct app *app, struct versions *out, struct err *err);

/* The file of pinned that is the app's program; it belongs to pinned. NULL: the program is the live system's. -ENOENT: none of
 * them has the file that `set --as` recorded. */
int supply_find(const struct app *app, const struct versions *pinned, const struct entry **out,
		struct err *err);

/* Entries of pinned versions that lead to programs. */
struct supply_way {
	const struct versions *pinned;
	const struct entry *items[32];
	size_t count;
};

bool supply_way_has(const struct supply_way *way, const struct entry *e);

/* Follows path where the pinned versions lie over the live system, by their links and the live ones. The executable file of
 * theirs at its end, or NULL: it is live. canonical gets its path. The way gets this file and their links that led to it. */
const struct entry *supply_follow(struct supply_way *way, const char *path,
				  char canonical[PATH_MAX]);

/* Whether the path is directly in a directory that PATH has by default. */
bool supply_is_command(const char *path);

/* The program that `set --as` means: the one that app's name begins with, whole, or up to a '-', '_', '.', '@', '+' or
 * a version (perl5.32): one in a directory of commands, or else in another one called bin; or else
 * the only one of the first version that has any. -ENOENT: no version has one; -EINVAL: which one is not clear. */
int supply_choose(const char *app, const struct versions *pinned, char program[PATH_MAX],
		  struct err *err);
