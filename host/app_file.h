/* Where the program of an app can be read: the live one, or the object of the one that a pinned version supplies. */
#pragma once

#include "base/err.h"
#include "loader/program.h"
#include "policy/policy.h"
#include "policy/supply.h"
#include "store/store.h"

#include <limits.h>
#include <stdbool.h>

/* From now on programs that pinned versions supply are also looked for in this store, for a trial with versions that
 * PINLIB_STORE does not have. root must stay valid. */
void app_file_add_store(const char *root);

/* store may be NULL if the app has no pins. A supplied program is not executable by this path. */
int app_file_find(struct store *store, const struct app *app, char file[PATH_MAX], struct err *err);

/* Whether a pinned version supplies the app's program, or is to supply it. False after any error. */
bool app_is_supplied(struct store *store, const struct app *app);

/* The same as app_file_find where the app's versions are loaded already. supplied may be NULL; else it gets the program's entry, or NULL. */
int app_file_of(const struct app *app, const struct versions *pinned, char file[PATH_MAX],
		const struct entry **supplied, struct err *err);

/* Reads the program of an app, which app_file_of found in file, and the interpreter of a script where its view shows it: a
 * pinned version may bring that. The way, whose versions are set and whose count is 0, gets the interpreter's entries. */
int app_program_read(const char *file, struct supply_way *way, struct program *out,
		     struct err *err);

/* Finds the file and reads the program. */
int app_program_find(struct store *store, const struct app *app, char file[PATH_MAX],
		     struct program *out, struct err *err);
