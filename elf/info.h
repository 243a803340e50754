/* Everything that pinlib needs to know about one file: its ELF information, or the first line of a
 * script. It travels as bytes from the process that parsed the file (elf/reader.h). */
#pragma once

#include "elf/elf.h"

#define INFO_SHEBANG 256 /* bytes of a script's first line with its NUL; the kernel cuts there */

struct elf_info {
	bool is_elf;
	bool empty;    /* shorter than an ELF header */
	int error;     /* 0; -EBADMSG: malformed; else the file could not be read this time */
	char *why;     /* the error's text; NULL without one */
	char *shebang; /* a script's first line after "#!", without blanks around; or NULL */
	struct elf elf;
};

/* Parses in the calling process. -ENOMEM is the only error; an error of the file goes into *out. */
int elf_info_parse(int fd, struct elf_info *out, struct err *err);
void elf_info_clear(struct elf_info *info);
#define AUTO_ELF_INFO CLEANUP(elf_info_clear)

/* As bytes, which are the caller's to free; NULL if there is no memory. Any error becomes
 * -EBADMSG. */
char *elf_info_encode(const struct elf_info *info, size_t *len);
/* The bytes count as hostile: false unless elf_info_parse could have led to them. */
bool elf_info_decode(const char *data, size_t len, struct elf_info *out);
