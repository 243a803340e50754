/*
 * Editing an ELF program: a copy of it that names its libraries otherwise (ELF gABI, chapters 4 and 5; LSB Core, "Symbol
 * Versioning").
 *
 * The copy has the bytes of the original, and one more segment at its end:
 *
 *	+--------------------------+ 0
 *	| the original's bytes     |  changed in place: program headers, the dynamic section, the file names of
 *	|                          |  DT_VERNEED, the section headers of what moved
 *	+--------------------------+ the original's size, rounded up to 16
 *	| dynamic section          |  if its spare entries do not suffice; else it stays
 *	| string table             |  the original's, then the new names
 *	+--------------------------+
 *
 * The new PT_LOAD takes the entry of a PT_NOTE in the table of program headers, which has no room: of the note that
 * PT_GNU_PROPERTY repeats, if there is one.
 *
 * A child without privileges parses the original (base/parser.h); the parent copies the file and writes the child's
 * changes into the copy.
 */
#pragma once

#include "base/err.h"
#include "seal/rewrite.h"

/*
 * Writes the edited copy of the file from to the file to, which is empty; both are the caller's, and from is a regular
 * file. The same original and edit give the same bytes.
 *
 * -EINVAL: such a program cannot be edited, and err says why as the rest of a sentence about it ("has data behind its
 * last section, which it may look for there"): it is static, of another byte order, has data behind its last section or in a
 * section of its own (one that is not loaded, and whose name does not begin with a dot), or no program header to spare.
 * -EBADMSG: it is malformed, it changed meanwhile, or its parser failed. Other errors are those of writing, or of
 * starting the parser. After an error the file to holds nothing of use.
 */
int edit_write(int from, int to, const struct edit *edit, struct err *err);
