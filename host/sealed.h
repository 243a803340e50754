/*
 * Sealed files on the machine (seal/seal.h): a copy of an app's program that names its pinned libraries by content, at the
 * app's path. The original is beside it (host/original.h), as behind a stub.
 *
 * A sealed file ends with SEALED_MARK (plan/format.h), the app's path and a NUL (seal/edit.h). So pinlib knows it without
 * the plan, and never takes it for an original.
 */
#pragma once

#include "base/err.h"
#include "plan/format.h"

#include <limits.h>
#include <stdbool.h>

#define SEALED_MARK_MAX (sizeof SEALED_MARK + PATH_MAX)

/* Whether path is a sealed file, whole or changed before its end. app gets the path of its app, "" for a file of
 * `pinlib seal`. */
bool sealed_read(const char *path, char app[PATH_MAX]);

/* Whether the file at app is app's sealed file, whole or damaged. In front of an original, another app's, and an ELF
 * file that was cut off, are damage. */
bool sealed_is_present(const char *app);

/* Where the sealed file of an app waits until it is published: beside the original, so that one rename(2) publishes
 * it. -ENAMETOOLONG. */
int sealed_waiting(const char *app, char path[PATH_MAX], struct err *err);
void sealed_drop_waiting(const char *app);
