/* The process that parses ELF files for root: user nobody, under a filter of system calls, with the
 * descriptors that it is handed and no name that it could open (base/confine.h). Its answers are
 * made of foreign bytes, and a file may have taken the process over. */
#pragma once

#include "base/parser.h"

#include <stdint.h>

enum reader_question {
	READER_INFO,	 /* with a file; the answer is elf_info_encode's bytes */
	READER_LDSO,	 /* with a loader's file; the answer is a byte of enum ldso_flag, and its
				default directories, each with its NUL */
	READER_TABLE,	 /* with a file: its symbols are kept under the next number; no bytes */
	READER_UNDEFINED /* a scope_question follows; the answer is structs undefined_reply */
};

enum ldso_flag { LDSO_HWCAPS = 1, LDSO_LEGACY = 2, LDSO_ISA = 4 };

#define READER_ANSWER_MAX (32u << 20) /* bytes */

/* Before each answer. r < 0: the bytes are the text of an error. READER_INFO: r is the error number
 * that elf_info.error has, positive. */
struct reader_answer {
	int32_t r;
	uint32_t len;
	uint32_t object; /* READER_UNDEFINED: the object at which r came about */
};

/* After the byte of READER_UNDEFINED: a struct scope_words (elf/linkage.h), whose words follow. */
struct scope_question {
	uint32_t objects, words, versions;
};

/* One undefined symbol. Its name and version follow; both lengths count a NUL, and a version of
 * length 0 is none. */
struct undefined_reply {
	uint32_t object, name, version;
};

int reader_start(struct parser *out, struct err *err);
/* Reads one answer. *data is the caller's to free and has a NUL after its end. A negative r is
 * returned, with the answer's text in err, control characters replaced. -EPROTO: the process died,
 * was silent or sent nonsense, and has been ended. */
int reader_receive(struct parser *p, struct reader_answer *head, char **data, struct err *err);
