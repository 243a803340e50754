/* The symbols of one object as the loader sees them (ELF gABI chapters 4 and 5, glibc's
 * elf/dl-lookup.c): references, by its relocations, and definitions, by its hash table, DT_GNU_HASH
 * or else DT_HASH. The tables are read into memory once: a mapping of a file that is cut meanwhile
 * would fault. */
#pragma once

#include "base/strings.h"
#include "elf/elf.h"

#include <elf.h>

/* A symbol that some object must define when everything is bound at once: a relocation refers to it,
 * and it is neither weak nor defined here. */
struct reference {
	uint32_t symbol;
	bool copied; /* R_*_COPY: the loader looks in the other objects only */
};

struct symtab {
	const struct elf *elf; /* has the names of the versions */
	Elf64_Sym *symbols;
	size_t count;
	char *strings;
	size_t strings_len;
	uint16_t *versions; /* DT_VERSYM, of each symbol; NULL: none */
	/* By their numbers in versions; NULL: no version. */
	const struct elf_version **by_index;
	size_t nindexes;
	struct reference *references; /* in the order of the symbols */
	size_t nreferences;
	/* The hash table: one block, and the parts of it. */
	void *hash;
	bool gnu;
	uint32_t nbuckets; /* 0: the object defines nothing */
	const uint32_t *buckets, *chains;
	size_t first, nchains; /* chains[0] is for symbol number first */
	uint32_t nblooms, shift;
	unsigned int bits; /* per word of the Bloom filter */
};

/* elf is elf_parse's result for the file and must live as long as *out. -EBADMSG: malformed; -E2BIG:
 * the tables are larger than 128 MiB. */
int symtab_read(int fd, const struct elf *elf, struct symtab *out, struct err *err);
void symtab_free(struct symtab *table);

/* "" if the symbol has no name. */
const char *symtab_name(const struct symtab *table, size_t symbol);
/* The version of a symbol, defined or needed; NULL: no version. */
const struct elf_version *symtab_version(const struct symtab *table, size_t symbol);

/* A look-up of one name after another, with a bound on all of them together. */
struct lookup {
	const char *name;
	uint32_t hash, old_hash;	  /* for DT_GNU_HASH and for DT_HASH */
	uint32_t cost;			  /* steps of one comparison with it */
	bool versions;			  /* the loader knows symbol versions */
	const struct elf_version *wanted; /* NULL: any */
	/* Symbols looked at so far, long names counting more. At limit nothing is found any more. */
	uint64_t steps, limit;
};
/* Begins the next name; versions, steps and limit stay. */
void lookup_begin(struct lookup *lookup, const char *name, const struct elf_version *wanted);
/* Whether the loader would take a definition of the object (glibc's do_lookup_x). */
bool symtab_defines(const struct symtab *table, struct lookup *lookup);
