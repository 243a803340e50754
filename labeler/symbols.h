/* The symbols of a closure: which references nothing in its global scope answers, as the loader
 * finds when it binds all at once (LD_BIND_NOW; glibc's dl-lookup.c). */
#pragma once

#include "labeler/closure.h"

struct undefined {
	size_t object; /* of the closure: which refers to it */
	char *name;
	const char *version; /* the closure's string; NULL: any */
};

struct undefineds {
	struct undefined *items;
	size_t count;
};

/* What was found out, kept from one closure to the next: each file's symbols are read once, and
 * where all that it refers to was found, it is enough that the objects with it are there again. */
struct symbols;
int symbols_new(struct symbols **out, struct err *err);
void symbols_free(struct symbols **symbols);
#define AUTO_SYMBOLS CLEANUP(symbols_free)

/* Only what a relocation refers to counts, and no weak reference. An object whose tables cannot be
 * read is -EBADMSG, named; -E2BIG: they are made to take very long. The facts of all closures have
 * to live as long as symbols, which may be NULL: then nothing is kept. */
int symbols_undefined(struct symbols *symbols, const struct closure *closure,
		      struct undefineds *out, struct err *err);
void undefineds_free(struct undefineds *undefineds);
#define AUTO_UNDEFINEDS CLEANUP(undefineds_free)
