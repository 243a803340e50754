/* Which references nothing in a scope answers, as the loader finds when it binds all at once
 * (LD_BIND_NOW; glibc's dl-lookup.c). Knows files by numbers and nothing of paths: it runs where
 * files are parsed (answer.h), and loader/symbols.h is what everybody else asks. */
#pragma once

#include "elf/undefined.h"

#include <stdint.h>

/* What was found out, kept from one scope to the next: each file's symbols are read once, and where
 * all that it refers to was found, it is enough that the objects with it are there again. */
struct linkage;
int linkage_new(struct linkage **out, struct err *err);
void linkage_free(struct linkage **linkage);
#define AUTO_LINKAGE CLEANUP(linkage_free)

/* One more file, of the next number, from 0 on. -EBADMSG: malformed; -E2BIG: its tables are too
 * large. Then it has taken no number. */
int linkage_add(struct linkage *linkage, int fd, struct err *err);

/* An object of a scope. */
struct linked {
	uint32_t file;
	const uint32_t *needs; /* numbers of objects, those too that are not in the scope */
	size_t nneeds;
};

/* Only what a relocation refers to counts, and no weak reference. versions: the loader knows of
 * them. The work is bounded in proportion to what there is to be looked up: -E2BIG, then and where
 * it would find more than can be said; *object is where that was. */
int linkage_undefined(struct linkage *linkage, const struct linked *scope, size_t count,
		      bool versions, struct undefineds *out, size_t *object, struct err *err);
