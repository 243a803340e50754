/* What is in a file, whatever it is called: found out once, and then kept, in memory, in the index
 * (index.h), or sent from the process that read the file to the one that asked (readers.h). */
#pragma once

#include "elf/elf.h"

#include <sys/types.h>

#define INFO_SHEBANG 256 /* a script's first line with its end, as the kernel cuts it */

struct elf_info {
	dev_t dev;
	ino_t ino;
	bool regular;
	bool is_elf;
	bool empty;    /* shorter than an ELF header */
	int error;     /* -EBADMSG: it is malformed; or why it could not be read: the next time may
			  be another; else 0 */
	char *why;     /* the error's text; else NULL */
	char *shebang; /* a script's first line after "#!", trimmed; NULL if it has none */
	struct elf elf;
	size_t *needs;	/* of each elf.needed: the name's number in the scan */
	size_t *askeds; /* of each elf.asked: its file's */
	size_t soname;	/* SCAN_NONE without one */
};

/* Parses it. -ENOMEM alone is an error: what is wrong with the file is in *out. dev, ino, regular
 * and the numbers are the caller's. */
int elf_info_read(int fd, struct elf_info *out, struct err *err);
void elf_info_clear(struct elf_info *facts);
#define AUTO_ELF_INFO CLEANUP(elf_info_clear)

/* As bytes, without what is the caller's; any error becomes -EBADMSG; the caller's to free, NULL if there
 * is no memory. What is decoded is taken for hostile: false if elf_read could not have said it. */
char *elf_info_encode(const struct elf_info *facts, size_t *len);
bool elf_info_decode(const char *data, size_t len, struct elf_info *out);
