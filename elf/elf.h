/* What an ELF file says of itself that matters to the loader (ELF gABI chapters 4 and 5, and GNU's
 * symbol versions). Read as the loader reads it: by the program headers and the dynamic section
 * alone, addresses mapped by PT_LOAD; section headers are never looked at, and libelf, which
 * refuses files for them, is not used. A malformed file is -EBADMSG with the reason, never a crash;
 * time and memory are bounded whatever the file says. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why glibc's loader gives up (and does not look further) at a file whose class and machine fit. */
enum elf_fault {
	ELF_FAULT_NONE,
	ELF_FAULT_ORDER,   /* of bytes, not the machine's */
	ELF_FAULT_IDENT,   /* the version, the system, or the padding of e_ident */
	ELF_FAULT_TYPE,	   /* neither ET_DYN nor ET_EXEC */
	ELF_FAULT_PHDRS,   /* the program headers' size */
	ELF_FAULT_NOTHING, /* nothing to be mapped */
};
const char *elf_fault_text(enum elf_fault fault);

/* What a file may have of it; more is -EBADMSG. */
#define ELF_NEEDED_MAX 4096
#define ELF_VERSIONS_MAX 4096 /* of each kind; glibc's libc.so.6 gives 40 */
#define ELF_STRING_MAX 65536  /* bytes of a search path; names are below PATH_MAX */

enum elf_need_kind { ELF_NEEDED, ELF_AUXILIARY, ELF_FILTER };

struct elf_need {
	const char *name;
	enum elf_need_kind kind;
};

/* A version that is asked of a file (DT_VERNEED), or given (DT_VERDEF; file is NULL). */
struct elf_version {
	const char *file; /* the DT_NEEDED name that it is asked of */
	const char *name;
	uint32_t hash;
	uint16_t index; /* what DT_VERSYM calls it */
	bool weak;	/* VER_FLG_WEAK */
	bool hidden;	/* asked for: no default version will do instead */
	bool base;	/* given: VER_FLG_BASE, the file's own name */
};

struct elf {
	int class;	   /* 32 or 64 */
	int machine;	   /* e_machine */
	bool shared;	   /* ET_DYN */
	bool dynamic;	   /* has PT_DYNAMIC */
	bool pie;	   /* DF_1_PIE: a program, which no other can load */
	bool nodeflib;	   /* DF_1_NODEFLIB */
	bool has_versions; /* DT_VERDEF is there */
	enum elf_fault fault;
	/* Strings, all in text. */
	const char *interp;
	const char *soname;
	const char *rpath; /* as found, "a:$ORIGIN/b"; NULL if DT_RUNPATH is there too: it is
			      ignored */
	const char *runpath;
	struct elf_need *needed; /* in the file's order */
	size_t nneeded;
	struct elf_version *asked, *given;
	size_t nasked, ngiven;
	char *text;
	size_t text_len;
};

/* The parser itself: elf/readers.h says who runs it. fd must be a regular file: everything else is -EINVAL. *is_elf is false, and the return 0, if
 * the file is not ELF at all. After -EBADMSG class and machine still are what the header says, 0 if
 * it has none. */
int elf_read(int fd, struct elf *out, bool *is_elf, struct err *err);
void elf_free(struct elf *elf);
#define AUTO_ELF CLEANUP(elf_free)

/* Debian's name of an architecture, "" if not known here; and its multiarch triplet. */
const char *elf_arch(int class, int machine);
const char *elf_triplet(int class, int machine);

/* For store_add: an elf_facts_fn (store/store.h). */
int elf_facts(int fd, char *soname, char *arch, struct err *err);
