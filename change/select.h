/* Selecting: the store's version that a spec means for a program. */
#pragma once

#include "base/err.h"
#include "loader/program.h"
#include "policy/policy.h"
#include "store/store.h"

/* Finds the app's own file, wrapped or not, and reads it. file holds PATH_MAX bytes; *out is the
 * caller's to free. -EINVAL: the program loads no libraries. */
int select_program(struct store *store, const struct app *app, char *file, struct program *out,
		   struct err *err);

/* The architecture of the libraries that the app loads; *arch is static. NULL: the app is a script, and the live system lacks
 * its interpreter, which the versions are to bring. -EINVAL: it loads none. */
int select_arch(struct store *store, const struct app *app, const char **arch, struct err *err);

/* As store_find; arch may be NULL. -ENOEXEC: the store has such a version for another architecture only. */
int select_version(struct store *store, const struct spec *spec, const char *app, const char *arch,
		   struct version *out, struct err *err);

/* The further directory of a pin of the version, canonical; place "": none, and out is "". -ENOENT,
 * -ENOTDIR: there is no such directory; -EPERM: no view shows files there; -EINVAL: the version has no
 * soname that could be shown. */
int select_place(const char *place, const struct version *version, char out[PATH_MAX],
		 struct err *err);
