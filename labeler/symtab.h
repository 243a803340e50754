/* What one object has of symbols for the loader: those that it asks for, by its relocations, and
 * those that it has, by its own hash table: DT_GNU_HASH or, without that, DT_HASH (glibc's
 * dl-lookup.c). Read once, into memory: a file that is cut meanwhile must not fault. */
#pragma once

#include "labeler/closure.h"

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
	uint16_t *versions;	      /* of count; NULL: none */
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

/* -EBADMSG, named, if what is read is malformed. */
int symtab_read(const struct object *object, struct symtab *out, struct err *err);
void symtab_free(struct symtab *table);

/* "" if it has none. */
const char *symtab_name(const struct symtab *table, size_t symbol);
/* What a symbol's DT_VERSYM means in the object, given or asked for; NULL: no version. */
const struct elf_version *symtab_version(const struct symtab *table, size_t symbol);

/* A name that is looked up. */
struct lookup {
	const char *name;
	uint32_t hash;			  /* symtab_hash's */
	bool versions;			  /* the loader knows of them */
	const struct elf_version *wanted; /* NULL: any */
	uint64_t steps;			  /* how many symbols were looked at, added up */
};
uint32_t symtab_hash(const char *name);
/* Whether the loader would take the object's definition, as do_lookup_x does. */
bool symtab_defines(const struct symtab *table, struct lookup *lookup);
