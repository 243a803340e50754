/* Which version of the store a spec means for a program. */
#pragma once

#include "base/err.h"
#include "loader/program.h"
#include "store/store.h"

/* The app's own file (PATH_MAX bytes), wrapped or not, and what it is; for the caller to free.
 * -EINVAL: it loads no libraries. */
int select_program(const char *app, char *file, struct program *out, struct err *err);

/* The architecture whose libraries the app loads; *arch is static. -EINVAL: it loads none. */
int select_arch(const char *app, const char **arch, struct err *err);

/* As store_find. -ENOEXEC: there is one, for another architecture. */
int select_version(struct store *store, const struct spec *spec, const char *app, const char *arch,
		   struct version *out, struct err *err);
