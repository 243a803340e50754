/* Suppliers: versions that have a library which a view lacks. */
#pragma once

#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the version has the library for the app's architecture, and the app has no pin of that
 * name yet. */
bool supplier_fits(const struct app *app, const struct version *version, const char *soname);

/* The search for suppliers of several libraries: the store is listed once, and apt asked once. */
struct supplier_search;

/* pinned are the versions that the app's pins mean; store may be NULL. Both, and app, must live as
 * long. Free with supplier_search_free, which takes NULL. */
int supplier_search_new(struct store *store, const struct app *app, const struct versions *pinned,
			struct supplier_search **out, struct err *err);
void supplier_search_free(struct supplier_search **search);
#define AUTO_SUPPLIER_SEARCH CLEANUP(supplier_search_free)

/* Who could supply the library: "the store has it in libicu67=67.1-7", "apt:libicu67 may have it"; ""
 * if nobody is known. */
void supplier_hint(struct supplier_search *search, const char *soname, char *text, size_t size);
