/* The soname and architecture of ELF files, read by a confined child: the files are as foreign as
 * the archive that they came in. */
#pragma once

#include "base/err.h"
#include "base/parser.h"

/* As elf_facts (elf/elf.h), but in the child p, which the first question starts and which is asked
 * again for the next file. The child gets nothing but descriptors, one at a time. A file that it
 * read before may make up its answers about later ones; all are of one source. -EBADMSG: malformed,
 * or the child misbehaved; then p has ended. */
int soname_ask(struct parser *p, int fd, char soname[256], char arch[256], struct err *err);
