/* The parts of an ELF file that matter to the loader (ELF gABI, chapters 4 and 5; symbol versions:
 * LSB Core, "Symbol Versioning"). They are found as the loader finds them: by the program headers
 * and the dynamic section, addresses mapped by PT_LOAD. Section headers do not count, so libelf,
 * which refuses files for them, is not used. A malformed file is -EBADMSG with the reason. Time and
 * memory are bounded whatever the file says. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why glibc's loader fails at a file whose class and machine fit (open_verify, elf/dl-load.c). */
enum elf_fault {
	ELF_FAULT_NONE,
	ELF_FAULT_ORDER,   /* its byte order is not the machine's */
	ELF_FAULT_IDENT,   /* the version, the system, or the padding of e_ident */
	ELF_FAULT_TYPE,	   /* neither ET_DYN nor ET_EXEC */
	ELF_FAULT_PHDRS,   /* the size of its program headers */
	ELF_FAULT_NOTHING, /* it has no PT_LOAD */
};
const char *elf_fault_text(enum elf_fault fault);

/* Limits; a file above one is -EBADMSG. */
#define ELF_NEEDED_MAX 4096
#define ELF_VERSIONS_MAX 4096 /* needed, and defined; glibc's libc.so.6 defines 40 */
#define ELF_STRING_MAX 65536  /* bytes of a search path; names are below PATH_MAX */

enum elf_need_kind { ELF_NEEDED, ELF_AUXILIARY, ELF_FILTER };

struct elf_need {
	const char *name;
	enum elf_need_kind kind;
};

/* A symbol version that a file needs of another (DT_VERNEED) or defines (DT_VERDEF). */
struct elf_version {
	const char *file; /* the DT_NEEDED name of the other file; NULL: defined */
	const char *name;
	uint32_t hash;
	uint16_t index; /* its number in DT_VERSYM */
	bool weak;	/* VER_FLG_WEAK */
	bool hidden;	/* needed: no default version will do instead */
	bool base;	/* defined: VER_FLG_BASE, the name of the file itself */
};

struct elf {
	int class;	   /* 32 or 64 */
	int machine;	   /* e_machine */
	bool shared;	   /* ET_DYN */
	bool dynamic;	   /* has PT_DYNAMIC */
	bool pie;	   /* DF_1_PIE: a program, which cannot be loaded as a library */
	bool nodeflib;	   /* DF_1_NODEFLIB */
	bool has_versions; /* has DT_VERDEF */
	bool has_code;	   /* a segment is executable */
	uint32_t isa;	   /* the levels of x86-64 that it needs (elf/isa.h) */
	enum elf_fault fault;
	/* Strings, all in text. */
	const char *interp;
	const char *soname;
	const char *rpath; /* unexpanded, "a:$ORIGIN/b"; NULL beside a DT_RUNPATH, as the loader
			      then ignores it */
	const char *runpath;
	const char *audit,
		*depaudit;	 /* DT_AUDIT, DT_DEPAUDIT: names of auditing libraries, "a:b" */
	struct elf_need *needed; /* in the file's order */
	size_t nneeded;
	struct elf_version *verneed, *verdef; /* the versions that it needs, and defines */
	size_t nverneed, nverdef;
	char *text;
	size_t text_len;
};

/* Parses in the calling process; elf/readers.h decides which process that is. fd must be a regular
 * file: others are -EINVAL. A file that is not ELF at all is 0 and *is_elf false. After -EBADMSG
 * class and machine still are what the header says, 0 without a header. */
int elf_parse(int fd, struct elf *out, bool *is_elf, struct err *err);
void elf_free(struct elf *elf);
#define AUTO_ELF CLEANUP(elf_free)

/* Debian's name of an architecture and its multiarch triplet; "" if pinlib does not know it. */
const char *elf_arch(int class, int machine);
const char *elf_triplet(int class, int machine);

#define ELF_MUSL "musl-linux-" /* as dpkg-architecture(1) names them: musl-linux-amd64 */

/* The soname and Debian's name of the architecture, "" where there are none, each in 256 bytes. The name begins with
 * ELF_MUSL if the file needs musl. A file that is not ELF is no error. */
int elf_facts(int fd, char *soname, char *arch, struct err *err);
