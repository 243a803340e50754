/*
 * What apt's signed Release files say about archives (apt-secure(8)).
 *
 * `apt-get update` keeps a Release file as LISTS/..._InRelease, or as ..._Release beside ..._Release.gpg, only if it
 * accepted the signature. Where the source allows an unsigned one ([trusted=yes], [allow-insecure=yes]), apt keeps
 * ..._Release alone (apt's acquire-item.cc). The signature is therefore apt's to check. The rest of the chain is checked
 * here, by SHA-256: the Release file lists a Packages file, which lists the archive (DESIGN.md, signature-is-apts).
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "dpkg/apt.h"

#include <stddef.h>

/* An archive, and the signed Release file that vouches for it. */
struct apt_voucher {
	struct digest archive; /* the caller fills it before the question */
	char *lacks;	       /* why no Release file vouches for it, a clause; NULL: one does */
	char *package, *version,
		*arch; /* as the Packages file has them; the caller compares them with the archive's */
	char *component; /* NULL: the repository has none */
	char *origin, *suite, *codename, *release,
		*date;		    /* fields of the Release file (release: Version); NULL: none */
	struct digest release_file; /* of InRelease as it is, or of Release without Release.gpg */
};

void apt_voucher_free(struct apt_voucher *voucher);

/* Fills n vouchers from the lists of this place, of which it prefers the Release file of the place's suite. Runs apt-get
 * and apt-config once, and apt-helper for compressed Packages files. Whatever goes wrong becomes lacks, except for a want
 * of memory. */
int apt_vouch(struct apt_voucher *vouchers, size_t n, const struct apt_place *place,
	      struct err *err);
