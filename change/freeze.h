/*
 * Freezing: an app's libraries of today become pins, so that no upgrade reaches it.
 *
 * What it loads is what the loader itself says (view/proof.h), and what it was seen to map
 * (labeler/observation.h). A library comes in as its whole Debian package, with the plugins and data
 * that belong to it, unless the package brings programs or is essential: of those, and of what no
 * package owns, comes the file alone, at its own path. glibc comes whole or not at all. Pins of
 * another origin stay, and what they bring is not frozen again.
 */
#pragma once

#include "base/err.h"
#include "labeler/observation.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct frozen {
	char *name, *version, *arch;
	char *before; /* the version that was frozen before; NULL if none was */
	bool changed; /* it is not what was frozen before */
};

struct left_out {
	char *path; /* of a library that stays the live system's */
	char *why;  /* the rest of a sentence: "belongs to glibc ..." */
};

struct freezing {
	struct frozen *items; /* sorted by name */
	size_t count;
	struct left_out *left;
	size_t nleft;
};

void freezing_free(struct freezing *f);
#define AUTO_FREEZING CLEANUP(freezing_free)

struct freeze_how {
	bool with_libc;			/* glibc too; a freeze that had it has it again */
	const struct observation *seen; /* NULL: nothing was observed */
	elf_facts_fn *facts;
};

/* Pins what the app loads today with PIN_FREEZE; activate comes after it. What was frozen before is
 * taken anew from the live system, or kept where the live system has it no more. -EINVAL: the app
 * loads no libraries; -ENOENT: none that could be frozen. */
int freeze(struct policy *policy, struct store *store, const char *path,
	   const struct freeze_how *how, struct freezing *out, struct err *err);

/* Takes the pins of origin PIN_FREEZE away; an app that has no others is unwrapped. -ENOENT: it has
 * none. */
int thaw(struct policy *policy, const char *path, struct err *err);
