/* The undefined symbols of a closure: references that no object of its global scope defines. */
#pragma once

#include "elf/linkage.h"
#include "loader/closure.h"

/* Keeps what was read and found from one closure to the next (elf/linkage.h). */
struct symbols;
int symbols_new(struct symbols **out, struct err *err);
void symbols_free(struct symbols **symbols);
#define AUTO_SYMBOLS CLEANUP(symbols_free)

/* -EBADMSG: the tables of an object, which is named, cannot be read; -E2BIG: the look-up would take too
 * long. symbols may be NULL: then nothing is kept. The views of all closures must live as long as
 * symbols.
 *
 * For root a confined process reads the tables (elf/reader.h): one for all closures whose files are
 * only root's and the store's, and another for each closure with a file of somebody else's. Such a
 * file can make the process lie about that closure and no other. */
int symbols_undefined(struct symbols *symbols, const struct closure *closure,
		      struct undefineds *out, struct err *err);
