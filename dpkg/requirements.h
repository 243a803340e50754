/*
 * Requirements: the packages that a program needs, by Depends and Pre-Depends.
 *
 * They all come from one origin. The live system's package serves instead (DESIGN.md, left-to-live) if it
 *
 *	has the same version;
 *	belongs to glibc or to the runtime of gcc;
 *	is an interpreter that a package merely calls ("perl:any");
 *	is essential, or only maintainer scripts use it.
 */
#pragma once

#include "base/cleanup.h"
#include "base/strings.h"
#include "dpkg/control.h"
#include "dpkg/package.h"

struct requirements {
	const struct control **items; /* into the origin's controls; without the roots */
	size_t count;
	struct strings lacks;	/* sentences: "php7.4 depends on ucf, which ..." lacks the rest */
	struct strings unknown; /* the packages of lacks, as apt takes them: "ucf", "ucf=3.0043" */
};

/* Whether the package is always the live system's: only maintainer scripts use it, or its data has to be the machine's own. */
bool requirement_is_live(const char *name);

void requirements_free(struct requirements *requirements);
#define AUTO_REQUIREMENTS CLEANUP(requirements_free)

/* roots are the packages whose dependencies count, some of origin. whole: they bring the program, too. Otherwise the
 * program is the live system's and may need the live packages, so those that satisfy a dependency serve. */
int requirements_find(const struct controls *origin, const struct control *const *roots,
		      size_t nroots, const struct packages *live, bool whole,
		      struct requirements *out, struct err *err);
