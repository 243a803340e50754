/* What an ELF file says of itself that matters to the loader (ELF gABI chapters 4 and 5; read
 * with libelf). Strings are copies. A malformed file is -EBADMSG with the reason, never a crash. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct elf {
	int class;    /* 32 or 64 */
	int machine;  /* e_machine */
	bool shared;  /* ET_DYN */
	bool dynamic; /* has PT_DYNAMIC */
	char *interp;
	char *soname;
	char *rpath; /* as found, "a:$ORIGIN/b"; NULL if DT_RUNPATH is there too: it is ignored */
	char *runpath;
	bool nodeflib; /* DF_1_NODEFLIB */
	char **needed;
	size_t nneeded;
};

/* fd must be a regular file: everything else is -EINVAL. *is_elf is false, and the return 0, if
 * the file is not ELF at all. */
int elf_read(int fd, struct elf *out, bool *is_elf, struct err *err);
int elf_read_path(const char *path, struct elf *out, bool *is_elf, struct err *err);
void elf_free(struct elf *elf);
#define AUTO_ELF CLEANUP(elf_free)

/* Debian's name of an architecture, "" if not known here; and its multiarch triplet. */
const char *elf_arch(int class, int machine);
const char *elf_triplet(int class, int machine);

/* For store_add: an elf_facts_fn (store/store.h). */
int elf_facts(int fd, char *soname, char *arch, struct err *err);
