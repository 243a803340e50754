/* The process that parses ELF files for root: nobody, under a filter, with the descriptors that it
 * is handed and no name (base/confine.h). What it answers is made of foreign bytes, perhaps by
 * them. */
#pragma once

#include "base/parser.h"

#include <stdint.h>

enum question {
	ASK_INFO,     /* with a file; elf_info_encode's bytes */
	ASK_DEFAULTS, /* with a loader's file: its default directories, each with its NUL */
	ASK_TABLE,    /* with a file: its symbols are kept, under the next number; nothing */
	ASK_UNDEFINED /* a struct symbols_question follows; see symbols.h */
};

#define ANSWER_MAX (32u << 20)

/* Before each answer. r < 0: the answer is why, a text. ASK_INFO: r is the errno of the facts. */
struct answer {
	int32_t r;
	uint32_t len;
	uint32_t object; /* ASK_UNDEFINED: at which r came about */
};

/* After the byte of ASK_UNDEFINED; then so many words follow: of each object the number of its
 * file, how many needs it has, and their objects. */
struct symbols_question {
	uint32_t objects, words, versions;
};
/* One answer to it: its object, and the lengths, with a NUL, of the name and the version that
 * follow; 0: no version. */
struct symbols_missing {
	uint32_t object, name, version;
};

int reader_start(struct parser *out, struct err *err);
/* *data is the caller's to free and has a NUL after its end. A negative errno that was answered has
 * its text in err, without control characters. -EPROTO: the process died, was
 * silent, or said nothing that makes sense, and has been ended. */
int reader_take(struct parser *p, struct answer *head, char **data, struct err *err);
