/* Suppliers: versions that have a library which a view lacks. */
#pragma once

#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the version has the library for the app's architecture, and the app has no pin of that
 * name yet. */
bool supplier_fits(const struct app *app, const struct version *version, const char *soname);

/* Who could supply the library: "the store has it in libicu67=67.1-7", "apt:libicu67 may have it"; ""
 * if nobody is known. pinned are the versions that the app's pins mean; store may be NULL. */
void supplier_hint(struct store *store, const struct app *app, const struct versions *pinned,
		   const char *soname, char *text, size_t size);
