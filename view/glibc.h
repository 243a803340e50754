/*
 * glibc is one piece: its loader, libraries, NSS modules, gconv modules and locale data belong to
 * one version. They share private symbols and file formats (GLIBC_PRIVATE, gconv-modules.cache,
 * LC_* files) that can change with every release.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "base/sysroot.h"
#include "loader/program.h"
#include "store/store.h"

#include <stdbool.h>

/* Whether a file belongs to glibc, going by its path and soname. */
bool glibc_owns(const struct entry *entry);

/* The directories that belong to glibc as a whole, by number: where a version has files in one of
 * them, the view hides the live files there. dir is canonical. False: there are no more. */
bool glibc_dir(const struct program *program, size_t i, char dir[PATH_MAX]);

/* Adds a reason to against for each mixture of two glibcs in the view. pinned are the versions that
 * the app's pins mean. */
int glibc_check(const struct versions *pinned, const struct program *program,
		const struct sysroot *sysroot, struct strings *against, struct err *err);
