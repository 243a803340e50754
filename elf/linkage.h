/* Symbol look-up in a global scope: which references no object defines, as the loader finds when it
 * binds all of them at once (LD_BIND_NOW in ld.so(8); glibc's elf/dl-lookup.c). Files are known by
 * numbers, not by paths: this runs in the process that parses them (elf/reader.h). Everybody else
 * calls loader/symbols.h. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Undefined symbols: references that no object of the global scope defines. */
#define UNDEFINED_MAX 65536
#define UNDEFINED_TEXT (8u << 20) /* bytes of all their names and versions */

struct undefined {
	size_t object; /* number of the object that refers to it */
	char *name;
	char *version; /* NULL: any version will do */
};

struct undefineds {
	struct undefined *items;
	size_t count;
	size_t text; /* bytes of the names and versions */
};

/* Copies both strings. -E2BIG: the text would be longer than UNDEFINED_TEXT. */
int undefineds_add(struct undefineds *undefineds, size_t object, const char *name,
		   const char *version, struct err *err);
void undefineds_free(struct undefineds *undefineds);
#define AUTO_UNDEFINEDS CLEANUP(undefineds_free)

/* Keeps what it reads from scope to scope: the symbols of each file, and the files that define its
 * references. Where those are all in the next scope, nothing is looked up again. */
struct linkage;
int linkage_new(struct linkage **out, struct err *err);
void linkage_free(struct linkage **linkage);
#define AUTO_LINKAGE CLEANUP(linkage_free)

/* Adds a file, which gets the next number, from 0 on. -EBADMSG: malformed; -E2BIG: its tables are too
 * large. A file that fails takes no number. */
int linkage_add(struct linkage *linkage, int fd, struct err *err);

/* A global scope in words: of each object the number of its file, how many needs it has, and the
 * numbers of the objects that satisfy them. A number outside the scope is passed over. */
struct scope_words {
	const uint32_t *words;
	size_t nwords, objects;
	bool versions; /* the loader knows symbol versions */
};

/* Only references of relocations count, and no weak ones. The work is bounded in proportion to the
 * references and objects: -E2BIG beyond that, or where the names take more than UNDEFINED_TEXT. After
 * UNDEFINED_MAX symbols the rest is left out. *object is the one at which an error came about. */
int linkage_undefined(struct linkage *linkage, const struct scope_words *scope,
		      struct undefineds *out, size_t *object, struct err *err);
