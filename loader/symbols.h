/* The symbols of a closure: which references nothing in its global scope answers. */
#pragma once

#include "elf/undefined.h"
#include "loader/closure.h"

/* What was found out, kept from one closure to the next (linkage.h). */
struct symbols;
int symbols_new(struct symbols **out, struct err *err);
void symbols_free(struct symbols **symbols);
#define AUTO_SYMBOLS CLEANUP(symbols_free)

/* An object whose tables cannot be read is -EBADMSG, named; -E2BIG: they are made to take very long.
 * The facts of all closures have to live as long as symbols, which may be NULL: then nothing is
 * kept.
 * Root's are read by a confined process (answer.h): one for all closures that are root's and the
 * store's alone, and one more for each closure with a file of somebody else's, which may make the
 * process that reads it say anything of that closure, and of no other. */
int symbols_undefined(struct symbols *symbols, const struct closure *closure,
		      struct undefineds *out, struct err *err);
