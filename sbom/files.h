/* What the bill takes from the contents of files in the store. */
#pragma once

#include "sbom/bill.h"

/* Checks that the object of each file exists and has its size; with sha1 reads it, compares its SHA-256, and sets the
 * SHA-1 and each version's verification code, which SPDX 2.3 demands. Uses every core for that. -ENOENT, -EBADMSG. */
int bill_read_files(struct store *store, struct bill *bill, bool sha1, struct err *err);

/* Sets the licences that the version's copyright file names. Where its directory in usr/share/doc is a link, the file is the
 * one of the package there, if that is in the bill with the same version number (Debian policy, 12.5). */
int bill_read_licences(struct store *store, const struct bill *bill, struct bill_version *version,
		       struct err *err);
