/* The bytes of an ELF file, by offset and by address (ELF gABI chapters 4 and 5). The parsers read
 * through this module: each offset and length passes through one gate, image_get, and numbers come
 * in the machine's own byte order. */
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
	struct image_load *segments;
	size_t nsegments;
	uint64_t taken; /* bytes of whole tables that were read; the caller bounds them */
	/* A cache: the file's beginning, which holds most of what is read, and some later pieces. A
	 * new piece replaces the oldest. */
	size_t head_len, oldest;
	struct image_piece {
		uint64_t at;
		size_t len;
	} known[IMAGE_PIECES];
	unsigned char head[IMAGE_HEAD], pieces[IMAGE_PIECES][IMAGE_PIECE];
};

/* Sets err: the file is malformed, and how. -EBADMSG. */
int image_malformed(struct err *err, const char *what);
/* Reads the beginning. 1: not an ELF file. */
int image_open(int fd, struct image *out, struct err *err);
void image_close(struct image *image);

/* Checks the file header and fills class, swap and header. -EBADMSG. */
int image_header(struct image *image, struct err *err);
/* The n-th of header.e_phnum program headers. */
int image_phdr(struct image *image, size_t n, Elf64_Phdr *out, struct err *err);
#define IMAGE_LOADS 256 /* libraries have four to ten */
/* Adds a PT_LOAD for image_offset, which searches all of them: more than IMAGE_LOADS is -EBADMSG. */
int image_add_load(struct image *image, const Elf64_Phdr *ph, struct err *err);

/* Copies bytes of the file; false if it ends before them. */
bool image_get(struct image *image, uint64_t at, void *out, size_t len);
/* The file offset of an address, and how many bytes the file maps from there; false if it maps
 * nothing there. */
bool image_offset(const struct image *image, uint64_t address, uint64_t *offset, uint64_t *len);

uint16_t image_u16(const struct image *image, uint16_t n);
uint32_t image_u32(const struct image *image, uint32_t n);
uint64_t image_u64(const struct image *image, uint64_t n);

/* The n-th entry of a dynamic section at an offset. */
bool image_dyn(struct image *image, uint64_t at, size_t n, int64_t *tag, uint64_t *value);
