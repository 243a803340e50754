/* Which version of the store a spec means for a program. */
#pragma once

#include "base/err.h"
#include "store/store.h"

/* The architecture whose libraries the app loads; *arch is static. -EINVAL: it loads none. */
int choose_arch(const char *app, const char **arch, struct err *err);

/* As store_find. -ENOEXEC: there is one, for another architecture. */
int choose_version(struct store *store, const struct spec *spec, const char *app, const char *arch,
		   struct version *out, struct err *err);
