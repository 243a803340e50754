/* What one object has of symbols for the loader: those that it asks for, by its relocations, and
 * those that it has, by its own hash table: DT_GNU_HASH or, without that, DT_HASH (glibc's
 * dl-lookup.c). Read once, into memory: a file that is cut meanwhile must not fault. */
#pragma once

#include "base/strings.h"
#include "elf/elf.h"

#include <elf.h>

/* A symbol that has to be found when all is bound at once: a relocation refers to it, and it is
 * neither weak nor its own. */
struct reference {
	uint32_t symbol;
	bool copied; /* R_*_COPY: looked for in the other objects */
};

struct symtab {
	const struct elf *elf; /* the object's, for its versions */
	Elf64_Sym *symbols;
	size_t count;
	char *strings;
	size_t strings_len;
	uint16_t *versions; /* of count; NULL: none */
	/* By what versions calls them; NULL: no version. */
	const struct elf_version **by_index;
	size_t nindexes;
	struct reference *references; /* in the order of the symbols */
	size_t nreferences;
	/* The hash table: one block, and what stands in it. */
	void *hash;
	bool gnu;
	uint32_t nbuckets; /* 0: it defines nothing */
	const uint32_t *buckets, *chains;
	size_t first, nchains; /* chains[0] is of symbol first */
	uint32_t nblooms, shift;
	unsigned int bits; /* of a bloom word */
};

/* elf is the file's, and has to live as long. -EBADMSG: malformed; -E2BIG: larger than any that was
 * seen. */
int symtab_read(int fd, const struct elf *elf, struct symtab *out, struct err *err);
void symtab_free(struct symtab *table);

/* "" if it has none. */
const char *symtab_name(const struct symtab *table, size_t symbol);
/* What a symbol's DT_VERSYM means in the object, given or asked for; NULL: no version. */
const struct elf_version *symtab_version(const struct symtab *table, size_t symbol);

/* A name that is looked up. */
struct lookup {
	const char *name;
	uint32_t hash, old_hash;	  /* DT_GNU_HASH's and DT_HASH's */
	uint32_t cost;			  /* of comparing it, in steps */
	bool versions;			  /* the loader knows of them */
	const struct elf_version *wanted; /* NULL: any */
	/* How many symbols were looked at, long names counting more, added up; and when to give up:
	 * nothing is found any more then. */
	uint64_t steps, limit;
};
/* The next name; versions, steps and limit go on. */
void lookup_begin(struct lookup *lookup, const char *name, const struct elf_version *wanted);
/* Whether the loader would take the object's definition, as do_lookup_x does. */
bool symtab_defines(const struct symtab *table, struct lookup *lookup);
