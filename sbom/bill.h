/*
 * The bill of materials: the pinned closure of programs, which is the programs' own files, their pinned versions and the
 * files of these. Programs may use more than that, from the live system; the bill leaves it out.
 *
 * Everything is sorted, and ids follow from content and path: one state gives one bill. Any user can gather it, apart from
 * the digest of a program that the user may not read.
 */
#pragma once

#include "policy/policy.h"
#include "provenance/provenance.h"
#include "store/origin.h"
#include "store/store.h"

#include <stdint.h>

/* Letters, digits and '-', as bom-ref and SPDXID allow. */
#define BILL_ID (sizeof "version-" + 32)
#define SHA1_HEX 41 /* with the NUL */

struct bill_file {
	const struct entry *entry;
	char id[BILL_ID];
	char sha1[SHA1_HEX]; /* "" unless asked for */
};

struct bill_licence {
	char *name;	  /* as the copyright file has it (sbom/copyright.h) */
	char *expression; /* SPDX; NULL: not evident */
	char reference
		[BILL_ID +
		 32]; /* "LicenseRef-...", of this version alone: packages mean different texts by one name */
};

struct bill_version {
	const struct version *version;
	char id[BILL_ID];
	struct provenance provenance;
	struct origin origin; /* of zeros: not known */
	char *purl;
	char supplier[64]; /* the distribution, if apt verified it; "": not known */
	bool has_library,
		has_command; /* a file with a soname; a program in a directory of commands */
	struct bill_licence *licences; /* in the order of their names */
	size_t nlicences;
	struct bill_file *files; /* by path; directories and links are not in the bill */
	size_t nfiles;
	char verification[SHA1_HEX]; /* SPDX 2.3, 7.9; "" unless asked for */
};

struct bill_program {
	const struct app *app;
	char id[BILL_ID];
	bool supplied;	 /* a pinned version brings the program's own file */
	bool has_digest; /* of the program's own file */
	struct digest digest;
	char *unread;	/* why it has none: a sentence without a full stop; NULL */
	size_t *pinned; /* indexes into versions, ascending; as many as the app has pins */
};

struct bill {
	int64_t generation, time;      /* the policy's; 0: it has none */
	struct bill_program *programs; /* by path */
	size_t nprograms;
	struct bill_version *versions; /* by name, version and digest */
	size_t nversions;
	size_t nfiles; /* of all versions */
	struct apps apps;
	struct versions loaded;
};

void bill_free(struct bill *bill);
#define AUTO_BILL CLEANUP(bill_free)

/* One SPDX expression of all licences; those that are not evident by their references. The caller frees it; NULL: there is
 * none, or out of memory. */
char *bill_licence_text(const struct bill_version *version);

/* Further facts by name, "pinlib:form" and "view", in a fixed order. */
typedef void bill_fact_fn(void *ctx, const char *name, const char *value);
void bill_program_facts(const struct bill_program *program, bill_fact_fn *fact, void *ctx);
void bill_version_facts(const struct bill_version *version, bill_fact_fn *fact, void *ctx);
