/* The package URL of a pinned version. */
#pragma once

#include "sbom/bill.h"

/*
 * Sets version->purl:
 *
 * | the version is                            | its URL                                    |
 * |-------------------------------------------|--------------------------------------------|
 * | a Debian package of a known distribution  | pkg:deb/DISTRIBUTION/NAME@VERSION?arch=... |
 * | anything else                             | pkg:generic/NAME@VERSION?checksum=...      |
 *
 * "distro" is written as syft and grype do ("debian-11"), and so is "upstream", the source package if its name or version is
 * another. "checksum" is that of the package's file, or of the only file.
 */
int bill_name(struct bill_version *version, struct err *err);
