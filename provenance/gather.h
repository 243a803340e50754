/* What sources tell about the provenance of their versions. Each function sets members of out that are NULL before. */
#pragma once

#include "dpkg/apt_release.h"
#include "provenance/provenance.h"

/* The Source field of a control file, "gcc-10 (10.2.1-6)", of a package with this name and version; value "": it has none,
 * since the source is called like the package. A value that is no source's is left out: it is foreign text. */
int provenance_take_source(struct provenance *out, const char *value, const char *name,
			   const char *version, struct err *err);

/* The distribution that this machine runs now, by os-release(5); nothing where that file is missing. */
int provenance_take_machine(struct provenance *out, struct err *err);

/* A voucher that lacks nothing, for the archive whose SHA-256 it has. */
int provenance_take_voucher(struct provenance *out, const struct apt_voucher *voucher,
			    struct err *err);
