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

/* Only what a relocation refers to counts, and no weak reference. An object whose tables cannot be
 * read is -EBADMSG, named. */
int symbols_undefined(const struct closure *closure, struct undefineds *out, struct err *err);
void undefineds_free(struct undefineds *undefineds);
#define AUTO_UNDEFINEDS CLEANUP(undefineds_free)
