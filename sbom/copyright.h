/*
 * The copyright file of a Debian package, usr/share/doc/PACKAGE/copyright, where it is machine-readable:
 * https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/. Only its licences' short names are read: the first
 * lines of the fields License of the header, and of each paragraph with a field Files.
 *
 * The bytes are a stranger's, and pinlib reads them in its own process (DESIGN.md, copyright-unconfined).
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"

#include <stddef.h>

#define COPYRIGHT_MAX (4u << 20) /* bytes that are read; one of Debian 12 has 2.0 MiB */
#define COPYRIGHT_NAME_MAX 255	 /* bytes of a short name */
#define COPYRIGHT_NAMES_MAX 500

/* Stands for a licence without a short name, or with one that is too long. */
#define COPYRIGHT_UNNAMED "a licence without a short name"

/* Appends each name once, in the order of the file: bytes of any encoding, but no control characters of ASCII, and blanks
 * are single. Returns 1, or 0 if the file is not machine-readable, or has too many names; -ENOMEM. */
int copyright_names(const char *text, size_t len, struct strings *names, struct err *err);
