/* The facts of ELF files, asked of a parser: they are as foreign as the archive that they came in.
 */
#pragma once

#include "base/parser.h"
#include "store/store.h"

/* As facts(fd, soname, arch, err), but in a confined child: p's, which is started at the first
 * question and goes on to be asked. It gets nothing but descriptors, one at a time. What it says of
 * a file may be made up by another file that was asked before; all are of one source. -EBADMSG:
 * malformed, or the parser misbehaved; then p has ended. */
int soname_ask(struct parser *p, elf_facts_fn *facts, int fd, char soname[256], char arch[256],
	       struct err *err);
