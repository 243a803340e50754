/* Gathers the bill of materials from the policy, the store and the programs' own files. */
#pragma once

#include "sbom/bill.h"

/* paths: programs that have pins, or NULL for all. With sha1 the files are read. -ENOENT: a path has no pins, or an object
 * is missing; -EBADMSG: an object or a manifest is damaged. */
int bill_gather(const struct strings *paths, bool sha1, struct bill *out, struct err *err);
