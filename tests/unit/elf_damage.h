/* Damage to ELF files of the machine's own class. */
#pragma once

#include "tests/unit/loader_help.h"

#include <elf.h>

#if __SIZEOF_POINTER__ == 8
typedef Elf64_Ehdr Ehdr;
typedef Elf64_Phdr Phdr;
typedef Elf64_Dyn Dyn;
#else
typedef Elf32_Ehdr Ehdr;
typedef Elf32_Phdr Phdr;
typedef Elf32_Dyn Dyn;
#endif

static inline Phdr *phdr_of(char *data, uint32_t type)
{
	Ehdr *eh = (Ehdr *)data;
	Phdr *ph = (Phdr *)(data + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == type)
			return &ph[i];
	MUST(!"no such program header");
	return NULL;
}

/* Copies a file and changes a few bytes, mostly of the headers, the version tables and the dynamic
 * section: elsewhere few of them matter. */
static inline void flip_some(char *to, char *from, size_t len)
{
	static const unsigned char often[] = {0, 0xff, 0x7f, 0x80, 1};
	size_t dynamic = phdr_of(from, PT_DYNAMIC)->p_offset;

	memcpy(to, from, len);
	for (uint32_t changes = 1 + next_random() % 3; changes > 0; changes--) {
		uint32_t kind = next_random() % 6, r = next_random();
		size_t at = kind < 2   ? next_random() % 1024
			    : kind < 4 ? dynamic + next_random() % 600
			    : kind < 5 ? next_random() % 16384
				       : next_random();

		to[at % len] = (char)(r % 3 ? often[r % sizeof often] : r >> 8);
	}
}
