/*
 * glibc is one piece: its loader, libraries, NSS modules, gconv modules and locale data belong to
 * one version. They share private symbols and file formats (GLIBC_PRIVATE, gconv-modules.cache,
 * LC_ files) that may change with every release.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "base/sysroot.h"
#include "loader/program.h"
#include "store/store.h"

#include <stdbool.h>

/* Whether a file belongs to glibc, going by its place and soname. */
bool glibc_owns(const struct entry *entry);

/* The directories whose content belongs to glibc as a whole: of what a version brings into one of
 * them, everything that the live system has there besides is hidden from the view. False when
 * there are no more. dir is canonical. */
bool glibc_dir(const struct program *program, size_t i, char dir[PATH_MAX]);

/* Adds to against what a view mixes. pinned are the versions of the app's pins. */
int glibc_check(const struct versions *pinned, const struct program *program,
		const struct sysroot *sysroot, struct strings *against, struct err *err);
