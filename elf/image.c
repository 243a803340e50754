#include "elf/image.h"

#include "base/array.h"

#include <byteswap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int image_malformed(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "malformed ELF file: %s", what);
}

/* As many of the bytes as the file has. */
static ssize_t read_at(int fd, void *out, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)out + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int image_open(int fd, struct image *out, struct err *err)
{
	struct stat st;
	ssize_t n;

	/* Not the buffers: clearing them costs more than filling them. */
	out->fd = fd;
	out->size = 0;
	out->class = 0;
	out->swap = false;
	out->segments = NULL;
	out->nsegments = 0;
	out->taken = 0;
	out->head_len = out->oldest = 0;
	memset(out->known, 0, sizeof out->known);
	out->header = (Elf64_Ehdr){0};
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat");
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "not a regular file");
	out->size = (uint64_t)st.st_size;
	n = read_at(fd, out->head, sizeof out->head, 0);
	if (n < 0)
		return err_sys(err, (int)-n, "cannot read");
	out->head_len = (size_t)n;
	return n < EI_NIDENT || memcmp(out->head, ELFMAG, SELFMAG) != 0;
}

void image_close(struct image *image)
{
	free(image->segments);
	image->segments = NULL;
}

/* The piece begins somewhat before at, where the next read often is. */
static size_t read_piece(struct image *i, uint64_t at)
{
	size_t n = i->oldest;
	struct image_piece *p = &i->known[n];
	uint64_t start = at & ~(uint64_t)(IMAGE_PIECE / 4 - 1), there = i->size - start;
	ssize_t len =
		read_at(i->fd, i->pieces[n], there < IMAGE_PIECE ? there : IMAGE_PIECE, start);

	*p = (struct image_piece){start, len < 0 ? 0 : (size_t)len};
	i->oldest = (n + 1) % IMAGE_PIECES;
	return n;
}

bool image_get(struct image *i, uint64_t at, void *out, size_t len)
{
	const struct image_piece *p;
	size_t n = 0;

	if (at > i->size || len > i->size - at)
		return false;
	if (at + len <= i->head_len) {
		memcpy(out, i->head + at, len);
		return true;
	}
	if (len > IMAGE_PIECE / 2)
		return read_at(i->fd, out, len, at) == (ssize_t)len;
	while (n < IMAGE_PIECES &&
	       (at < i->known[n].at || at + len > i->known[n].at + i->known[n].len))
		n++;
	if (n == IMAGE_PIECES)
		n = read_piece(i, at);
	p = &i->known[n];
	if (at - p->at + len > p->len)
		return false; /* the file was cut meanwhile */
	memcpy(out, i->pieces[n] + (at - p->at), len);
	return true;
}

uint16_t image_u16(const struct image *i, uint16_t n)
{
	return i->swap ? bswap_16(n) : n;
}

uint32_t image_u32(const struct image *i, uint32_t n)
{
	return i->swap ? bswap_32(n) : n;
}

uint64_t image_u64(const struct image *i, uint64_t n)
{
	return i->swap ? bswap_64(n) : n;
}

/* The fields that matter; both classes have them under the same names. */
#define TAKE_HEADER(i, to, from, word)                                                             \
	do {                                                                                       \
		memcpy((to)->e_ident, (from)->e_ident, EI_NIDENT);                                 \
		(to)->e_type = image_u16(i, (from)->e_type);                                       \
		(to)->e_machine = image_u16(i, (from)->e_machine);                                 \
		(to)->e_version = image_u32(i, (from)->e_version);                                 \
		(to)->e_phoff = word(i, (from)->e_phoff);                                          \
		(to)->e_phentsize = image_u16(i, (from)->e_phentsize);                             \
		(to)->e_phnum = image_u16(i, (from)->e_phnum);                                     \
	} while (0)

int image_header(struct image *i, struct err *err)
{
	const uint8_t mine = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	uint8_t class = i->head[EI_CLASS], data = i->head[EI_DATA];
	Elf32_Ehdr h32;
	Elf64_Ehdr h64;

	if (class != ELFCLASS32 && class != ELFCLASS64)
		return image_malformed(err, "neither 32 nor 64 bits");
	if (data != ELFDATA2LSB && data != ELFDATA2MSB)
		return image_malformed(err, "an unknown byte order");
	i->swap = data != mine;
	if (!image_get(i, 0, class == ELFCLASS64 ? (void *)&h64 : (void *)&h32,
		       class == ELFCLASS64 ? sizeof h64 : sizeof h32))
		return image_malformed(err, "shorter than its header");
	i->class = class == ELFCLASS64 ? 64 : 32;
	if (class == ELFCLASS64)
		TAKE_HEADER(i, &i->header, &h64, image_u64);
	else
		TAKE_HEADER(i, &i->header, &h32, image_u32);
	return 0;
}

#define TAKE_PHDR(i, to, from, word)                                                               \
	do {                                                                                       \
		(to)->p_type = image_u32(i, (from)->p_type);                                       \
		(to)->p_flags = image_u32(i, (from)->p_flags);                                     \
		(to)->p_offset = word(i, (from)->p_offset);                                        \
		(to)->p_vaddr = word(i, (from)->p_vaddr);                                          \
		(to)->p_filesz = word(i, (from)->p_filesz);                                        \
		(to)->p_memsz = word(i, (from)->p_memsz);                                          \
		(to)->p_align = word(i, (from)->p_align);                                          \
	} while (0)

int image_phdr(struct image *i, size_t n, Elf64_Phdr *out, struct err *err)
{
	size_t size = i->class == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t at = i->header.e_phoff;
	Elf32_Phdr p32;
	Elf64_Phdr p64;

	/* n is below 65536: the product cannot wrap, the sum is checked by what can be there. */
	if (at > i->size ||
	    !image_get(i, at + n * size, i->class == 64 ? (void *)&p64 : (void *)&p32, size))
		return image_malformed(err, "the program headers are out of range");
	if (i->class == 64)
		TAKE_PHDR(i, out, &p64, image_u64);
	else
		TAKE_PHDR(i, out, &p32, image_u32);
	return 0;
}

int image_add_load(struct image *i, const Elf64_Phdr *ph, struct err *err)
{
	if (i->nsegments == IMAGE_LOADS)
		return image_malformed(err, "too many loadable segments");
	if (ARRAY_GROW(i->segments, i->nsegments, err) < 0)
		return -ENOMEM;
	i->segments[i->nsegments++] = (struct image_load){ph->p_vaddr, ph->p_offset, ph->p_filesz};
	return 0;
}

bool image_offset(const struct image *i, uint64_t address, uint64_t *offset, uint64_t *len)
{
	for (size_t k = 0; k < i->nsegments; k++) {
		const struct image_load *l = &i->segments[k];
		uint64_t in;

		if (address < l->vaddr || address - l->vaddr >= l->filesz)
			continue;
		in = address - l->vaddr;
		if (l->offset > i->size || in >= i->size - l->offset)
			return false;
		*offset = l->offset + in;
		*len = l->filesz - in;
		if (*len > i->size - *offset)
			*len = i->size - *offset;
		return true;
	}
	return false;
}

bool image_dyn(struct image *i, uint64_t at, size_t n, int64_t *tag, uint64_t *value)
{
	Elf32_Dyn d32;
	Elf64_Dyn d64;

	if (i->class == 64) {
		if (!image_get(i, at + n * sizeof d64, &d64, sizeof d64))
			return false;
		*tag = (int64_t)image_u64(i, (uint64_t)d64.d_tag);
		*value = image_u64(i, d64.d_un.d_val);
		return true;
	}
	if (!image_get(i, at + n * sizeof d32, &d32, sizeof d32))
		return false;
	*tag = (int32_t)image_u32(i, (uint32_t)d32.d_tag);
	*value = image_u32(i, d32.d_un.d_val);
	return true;
}
