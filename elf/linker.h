/* Symbol look-up (elf/linkage.h) by whoever may parse: for root a confined process keeps the files'
 * symbols and looks them up, for other users this one does. */
#pragma once

#include "base/parser.h"
#include "elf/linkage.h"

#include <stdint.h>

/* Begins as LINKER_NONE. */
struct linker {
	struct linkage *here; /* NULL: the process has it */
	struct parser process;
};
#define LINKER_NONE ((struct linker){.process = PARSER_NONE})

/* Reads the symbols of a file, which gets the next number, from 0 on. Errors as linkage_add's. */
int linker_add(struct linker *linker, int fd, struct err *err);
/* As linkage_undefined. */
int linker_undefined(struct linker *linker, const struct scope_words *scope, struct undefineds *out,
		     size_t *object, struct err *err);
/* True before the first file, and after a process has died, or lied: its files are lost. */
bool linker_is_empty(const struct linker *linker);
void linker_clear(struct linker *linker);
