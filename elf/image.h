/* An ELF file's bytes, by offset and by address: what elf.c and symtab.c read through. Each offset
 * and length passes through one gate, image_get; numbers come in the machine's own byte order. */
#pragma once

#include "base/err.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_HEAD 8192
#define IMAGE_PIECES 3 /* strings, versions, and the dynamic section are read in turns */
#define IMAGE_PIECE 4096

struct image_load {
	uint64_t vaddr, offset, filesz;
};

struct image {
	int fd;
	uint64_t size; /* of the file */
	int class;     /* 32 or 64 */
	bool swap;     /* the file's byte order is the other one */
	Elf64_Ehdr header;
	struct image_load *loads;
	size_t nloads;
	uint64_t taken; /* bytes that whole tables had, for who bounds them */
	/* What was read: the file's beginning, where most of it stands, and pieces besides; the next
	 * one takes the place of the oldest. */
	size_t head_len, oldest;
	struct image_piece {
		uint64_t at;
		size_t len;
	} known[IMAGE_PIECES];
	unsigned char head[IMAGE_HEAD], pieces[IMAGE_PIECES][IMAGE_PIECE];
};

/* Reads the beginning. 1: not ELF at all (what then is in head may be a script). */
int image_open(int fd, struct image *out, struct err *err);
void image_close(struct image *image);
#define AUTO_IMAGE CLEANUP(image_close)

/* The file header: class, byte order and header are there after it. -EBADMSG. */
int image_header(struct image *image, struct err *err);
/* The n-th of header.e_phnum program headers. */
int image_phdr(struct image *image, size_t n, Elf64_Phdr *out, struct err *err);
#define IMAGE_LOADS 256 /* libraries have four to ten */
/* Notes a PT_LOAD, for image_offset. Each address is looked for in all: more than IMAGE_LOADS are
 * -EBADMSG. */
int image_add_load(struct image *image, const Elf64_Phdr *ph, struct err *err);

/* Bytes of the file; false if it has them not. */
bool image_get(struct image *image, uint64_t at, void *out, size_t len);
/* Where in the file an address is, and how many bytes from there the file gives; false if nothing
 * of it is mapped there. */
bool image_offset(const struct image *image, uint64_t address, uint64_t *offset, uint64_t *len);

uint16_t image_u16(const struct image *image, uint16_t n);
uint32_t image_u32(const struct image *image, uint32_t n);
uint64_t image_u64(const struct image *image, uint64_t n);

/* The n-th entry of a dynamic section at an offset. */
bool image_dyn(struct image *image, uint64_t at, size_t n, int64_t *tag, uint64_t *value);
