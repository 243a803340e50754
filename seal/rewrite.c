#include "seal/rewrite.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "elf/image.h"

#include <limits.h>
#include <string.h>

#define STRINGS_MAX ((size_t)64 << 20)
#define ENTRIES_MAX 65536 /* of the dynamic section */
#define SECTIONS_MAX 65536
#define RECORDS_MAX 4096 /* files in DT_VERNEED */
#define SLACK_MAX 4096	 /* bytes of zero behind the last section */
#define TAIL_ALIGN 16
#define PAGE 4096

/* A program, and what becomes of it. Headers are those of 64 bits whatever its class is. */
struct rewriting {
	struct image image;
	const struct edit *edit;
	struct rewrite *out;
	Elf64_Ehdr header;
	Elf64_Phdr *phdrs;
	size_t dynamic;	  /* of phdrs */
	size_t nsections; /* with the extension for many */
	/* The dynamic section without DT_NULL. In the file it has room for so many entries. */
	Elf64_Dyn *entries;
	size_t nentries, room;
	uint64_t old_strings, old_len;
	struct rewrite_bytes strings;
	bool moved;	       /* the dynamic section, into the tail */
	uint64_t address;      /* of the tail */
	size_t strings_at;     /* of the tail */
	uint64_t segment_len;  /* of the tail */
	uint64_t segment_unit; /* p_align */
};

void rewrite_free(struct rewrite *rewrite)
{
	free(rewrite->patches);
	free(rewrite->bytes.data);
	free(rewrite->tail.data);
	*rewrite = (struct rewrite){0};
}

static void rewriting_free(struct rewriting *r)
{
	image_close(&r->image);
	free(r->phdrs);
	free(r->entries);
	free(r->strings.data);
}
#define AUTO_REWRITING CLEANUP(rewriting_free)

static void bytes_free(struct rewrite_bytes *b)
{
	free(b->data);
}
#define AUTO_BYTES CLEANUP(bytes_free)

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

uint64_t rewrite_tail_at(uint64_t size)
{
	return round_up(size, TAIL_ALIGN);
}

/* Appends len bytes, zeros if data is NULL. The buffer doubles: it holds the power of two from len on. */
static int bytes_add(struct rewrite_bytes *b, const void *data, size_t len, size_t max,
		     struct err *err)
{
	size_t had = 64, want = 64;
	char *more;

	if (len > max || b->len > max - len)
		return image_malformed(err, "too much to change");
	while (had < b->len)
		had *= 2;
	while (want < b->len + len)
		want *= 2;
	if (!b->data || want != had) {
		more = realloc(b->data, want);
		if (!more)
			return err_nomem(err);
		b->data = more;
	}
	if (data && len > 0)
		memcpy(b->data + b->len, data, len);
	else
		memset(b->data + b->len, 0, len);
	b->len += len;
	return 0;
}

static int add_patch(struct rewriting *r, uint64_t at, const void *data, size_t len,
		     struct err *err)
{
	struct rewrite *out = r->out;
	int e;

	if (out->npatches == REWRITE_PATCHES_MAX)
		return image_malformed(err, "too much to change");
	if (ARRAY_GROW(out->patches, out->npatches, err) < 0)
		return -ENOMEM;
	e = bytes_add(&out->bytes, data, len, REWRITE_BYTES_MAX, err);
	if (e == 0)
		out->patches[out->npatches++] = (struct rewrite_patch){at, len};
	return e;
}

/* -- structures of both classes; their fields have the same names -- */

#define COPY_HEADER(to, from)                                                                      \
	do {                                                                                       \
		(to)->e_type = (from)->e_type;                                                     \
		(to)->e_phoff = (from)->e_phoff;                                                   \
		(to)->e_phentsize = (from)->e_phentsize;                                           \
		(to)->e_phnum = (from)->e_phnum;                                                   \
		(to)->e_shoff = (from)->e_shoff;                                                   \
		(to)->e_shentsize = (from)->e_shentsize;                                           \
		(to)->e_shnum = (from)->e_shnum;                                                   \
		(to)->e_shstrndx = (from)->e_shstrndx;                                             \
	} while (0)

#define COPY_PHDR(to, from)                                                                        \
	do {                                                                                       \
		(to)->p_type = (from)->p_type;                                                     \
		(to)->p_flags = (from)->p_flags;                                                   \
		(to)->p_offset = (from)->p_offset;                                                 \
		(to)->p_vaddr = (from)->p_vaddr;                                                   \
		(to)->p_paddr = (from)->p_paddr;                                                   \
		(to)->p_filesz = (from)->p_filesz;                                                 \
		(to)->p_memsz = (from)->p_memsz;                                                   \
		(to)->p_align = (from)->p_align;                                                   \
	} while (0)

#define COPY_SECTION(to, from)                                                                     \
	do {                                                                                       \
		(to)->sh_name = (from)->sh_name;                                                   \
		(to)->sh_type = (from)->sh_type;                                                   \
		(to)->sh_flags = (from)->sh_flags;                                                 \
		(to)->sh_addr = (from)->sh_addr;                                                   \
		(to)->sh_offset = (from)->sh_offset;                                               \
		(to)->sh_size = (from)->sh_size;                                                   \
		(to)->sh_link = (from)->sh_link;                                                   \
		(to)->sh_info = (from)->sh_info;                                                   \
		(to)->sh_addralign = (from)->sh_addralign;                                         \
		(to)->sh_entsize = (from)->sh_entsize;                                             \
	} while (0)

static bool is_64(const struct rewriting *r)
{
	return r->image.class == 64;
}

static size_t phdr_size(const struct rewriting *r)
{
	return is_64(r) ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static size_t section_size(const struct rewriting *r)
{
	return is_64(r) ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

static size_t entry_size(const struct rewriting *r)
{
	return is_64(r) ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
}

static bool get_header(struct rewriting *r)
{
	Elf32_Ehdr h32;
	Elf64_Ehdr h64;

	if (!image_get(&r->image, 0, is_64(r) ? (void *)&h64 : (void *)&h32,
		       is_64(r) ? sizeof h64 : sizeof h32))
		return false;
	if (is_64(r))
		COPY_HEADER(&r->header, &h64);
	else
		COPY_HEADER(&r->header, &h32);
	return true;
}

static bool get_phdr(struct rewriting *r, size_t n, Elf64_Phdr *out)
{
	Elf32_Phdr p32;
	Elf64_Phdr p64;
	uint64_t at = r->header.e_phoff;

	/* n is below 65536; a sum that wraps is below at. */
	if (at + n * phdr_size(r) < at ||
	    !image_get(&r->image, at + n * phdr_size(r), is_64(r) ? (void *)&p64 : (void *)&p32,
		       phdr_size(r)))
		return false;
	if (is_64(r))
		COPY_PHDR(out, &p64);
	else
		COPY_PHDR(out, &p32);
	return true;
}

static int put_phdr(struct rewriting *r, const Elf64_Phdr *ph, struct rewrite_bytes *to,
		    struct err *err)
{
	Elf32_Phdr p32;
	Elf64_Phdr p64;

	COPY_PHDR(&p32, ph);
	COPY_PHDR(&p64, ph);
	return bytes_add(to, is_64(r) ? (void *)&p64 : (void *)&p32, phdr_size(r),
			 REWRITE_BYTES_MAX, err);
}

static bool get_section(struct rewriting *r, size_t n, Elf64_Shdr *out)
{
	Elf32_Shdr s32;
	Elf64_Shdr s64;
	uint64_t at = r->header.e_shoff;

	/* n is at most SECTIONS_MAX. */
	if (at + n * section_size(r) < at ||
	    !image_get(&r->image, at + n * section_size(r), is_64(r) ? (void *)&s64 : (void *)&s32,
		       section_size(r)))
		return false;
	if (is_64(r))
		COPY_SECTION(out, &s64);
	else
		COPY_SECTION(out, &s32);
	return true;
}

static int patch_section(struct rewriting *r, size_t n, const Elf64_Shdr *sh, struct err *err)
{
	Elf32_Shdr s32;
	Elf64_Shdr s64;

	COPY_SECTION(&s32, sh);
	COPY_SECTION(&s64, sh);
	return add_patch(r, r->header.e_shoff + n * section_size(r),
			 is_64(r) ? (void *)&s64 : (void *)&s32, section_size(r), err);
}

/* -- headers -- */

static int read_phdr(struct rewriting *r, size_t n, bool *has_interp, bool *has_dynamic,
		     struct err *err)
{
	Elf64_Phdr *ph = &r->phdrs[n];

	if (!get_phdr(r, n, ph))
		return image_malformed(err, "the program headers are out of range");
	if (ph->p_offset + ph->p_filesz < ph->p_offset || ph->p_vaddr + ph->p_memsz < ph->p_vaddr)
		return image_malformed(err, "a segment is out of range");
	if (ph->p_type == PT_INTERP)
		*has_interp = true;
	if (ph->p_type == PT_DYNAMIC) {
		*has_dynamic = true;
		r->dynamic = n; /* the loader takes the last */
	}
	return ph->p_type == PT_LOAD ? image_add_load(&r->image, ph, err) : 0;
}

static int read_all_phdrs(struct rewriting *r, struct err *err)
{
	bool has_interp = false, has_dynamic = false;
	Elf64_Phdr last;
	int e = 0;

	if (r->header.e_phentsize != phdr_size(r) || r->header.e_phnum == 0)
		return image_malformed(err, "its program headers have the wrong size");
	/* A table that is cut short is an error before there is memory for it. */
	if (!get_phdr(r, r->header.e_phnum - 1u, &last))
		return image_malformed(err, "the program headers are out of range");
	r->phdrs = calloc(r->header.e_phnum, sizeof *r->phdrs);
	if (!r->phdrs)
		return err_nomem(err);
	for (size_t n = 0; e == 0 && n < r->header.e_phnum; n++)
		e = read_phdr(r, n, &has_interp, &has_dynamic, err);
	if (e == 0 && (!has_interp || !has_dynamic))
		return err_set(err, EINVAL, "is statically linked");
	return e;
}

static int read_headers(struct rewriting *r, int fd, struct err *err)
{
	int e = image_open(fd, &r->image, err);

	if (e > 0)
		return err_set(err, EINVAL, "is not an ELF file");
	if (e == 0)
		e = image_header(&r->image, err);
	if (e < 0)
		return e;
	if (r->image.swap)
		return err_set(err, EINVAL, "is of another byte order");
	if (!get_header(r))
		return image_malformed(err, "shorter than its header");
	if (r->header.e_type != ET_DYN && r->header.e_type != ET_EXEC)
		return err_set(err, EINVAL, "is not a program");
	return read_all_phdrs(r, err);
}

/* -- sections, and data that the copy would have elsewhere -- */

static int count_sections(struct rewriting *r, struct err *err)
{
	uint64_t n = r->header.e_shnum;
	Elf64_Shdr first, last;

	if (r->header.e_shoff == 0)
		return 0;
	if (r->header.e_shentsize != section_size(r))
		return image_malformed(err, "its section headers have the wrong size");
	if (!get_section(r, 0, &first))
		return image_malformed(err, "the section headers are out of range");
	if (n == 0)
		n = first.sh_size;
	if (n > SECTIONS_MAX || (n > 0 && !get_section(r, n - 1, &last)))
		return image_malformed(err, "the section headers are out of range");
	r->nsections = n;
	return 0;
}

/* The section that has the names of all; without one, false. */
static bool find_names(struct rewriting *r, Elf64_Shdr *out)
{
	size_t n = r->header.e_shstrndx;
	Elf64_Shdr first;

	if (n == SHN_XINDEX)
		n = get_section(r, 0, &first) ? first.sh_link : SHN_UNDEF;
	return n != SHN_UNDEF && n < r->nsections && get_section(r, n, out) &&
	       out->sh_type == SHT_STRTAB;
}

static void read_name(struct rewriting *r, const Elf64_Shdr *names, uint32_t at, char out[64])
{
	uint64_t left = names->sh_size > at ? names->sh_size - at : 0;

	memset(out, 0, 64);
	if (left > 0 && names->sh_offset + at >= names->sh_offset)
		image_get(&r->image, names->sh_offset + at, out, left < 63 ? left : 63);
}

/* One that is not loaded is read by tools, which know it by a name with a dot, or by the program itself. */
static bool is_own_section(const Elf64_Shdr *sh, const char *name)
{
	return sh->sh_type == SHT_PROGBITS && !(sh->sh_flags & SHF_ALLOC) && sh->sh_size > 0 &&
	       *name != '.';
}

static int read_sections(struct rewriting *r, uint64_t *end, struct err *err)
{
	Elf64_Shdr sh, names = {0};
	char name[64];

	if (!find_names(r, &names))
		names = (Elf64_Shdr){0};
	for (size_t n = 0; n < r->nsections; n++) {
		uint64_t stop;

		if (!get_section(r, n, &sh))
			return image_malformed(err, "the section headers are out of range");
		if (sh.sh_type == SHT_NULL || sh.sh_type == SHT_NOBITS)
			continue;
		read_name(r, &names, sh.sh_name, name);
		if (is_own_section(&sh, name))
			return err_set(err, EINVAL, "has data of its own in the section %s",
				       *name ? name : "without a name");
		if (__builtin_add_overflow(sh.sh_offset, sh.sh_size, &stop))
			return image_malformed(err, "a section is out of range");
		*end = stop > *end ? stop : *end;
	}
	return 0;
}

static int refuse_slack(struct rewriting *r, uint64_t end, struct err *err)
{
	static const char zero[SLACK_MAX];
	uint64_t len = r->image.size > end ? r->image.size - end : 0;
	char slack[SLACK_MAX];

	if (len <= SLACK_MAX && !image_get(&r->image, end, slack, len))
		return len == 0 ? 0 : image_malformed(err, "its end cannot be read");
	if (len > SLACK_MAX || memcmp(slack, zero, len) != 0)
		return err_set(err, EINVAL,
			       "has data behind its last section, which it may look for there");
	return 0;
}

/* A program that appends data to itself finds the data from its file's end. */
static int refuse_data(struct rewriting *r, struct err *err)
{
	uint64_t end = r->header.e_phoff + r->header.e_phnum * phdr_size(r), sections;
	int e = count_sections(r, err);

	if (e < 0)
		return e;
	/* Neither sum wraps: the last entries of both tables lie within the file. */
	sections = r->header.e_shoff + r->nsections * section_size(r);
	end = sections > end ? sections : end;
	for (size_t n = 0; n < r->header.e_phnum; n++) {
		uint64_t stop = r->phdrs[n].p_offset + r->phdrs[n].p_filesz;

		end = stop > end ? stop : end;
	}
	e = read_sections(r, &end, err);
	return e < 0 ? e : refuse_slack(r, end, err);
}

/* -- the dynamic section and its strings -- */

static int read_entries(struct rewriting *r, struct err *err)
{
	const Elf64_Phdr *ph = &r->phdrs[r->dynamic];
	uint64_t at, len, value;
	int64_t tag = DT_DEBUG;

	/* The loader reads it where it is loaded, and other tools where it is in the file. */
	if (!image_offset(&r->image, ph->p_vaddr, &at, &len) || at != ph->p_offset ||
	    ph->p_filesz > len)
		return image_malformed(err, "the dynamic section is not in the file");
	r->room = ph->p_filesz / entry_size(r);
	if (r->room > ENTRIES_MAX)
		return image_malformed(err, "the dynamic section is too long");
	r->entries = calloc(r->room + r->edit->nadded + 2, sizeof *r->entries);
	if (!r->entries)
		return err_nomem(err);
	for (; r->nentries < r->room; r->nentries++) {
		if (!image_dyn(&r->image, at, r->nentries, &tag, &value))
			return image_malformed(err, "the dynamic section is out of range");
		if (tag == DT_NULL)
			return 0;
		r->entries[r->nentries].d_tag = tag;
		r->entries[r->nentries].d_un.d_val = value;
	}
	return image_malformed(err, "the dynamic section does not end");
}

/* The last entry with a tag, as for the loader; NULL if there is none. */
static Elf64_Dyn *last_entry(struct rewriting *r, int64_t tag)
{
	for (size_t n = r->nentries; n-- > 0;)
		if (r->entries[n].d_tag == tag)
			return &r->entries[n];
	return NULL;
}

static int read_strings(struct rewriting *r, struct err *err)
{
	const Elf64_Dyn *table = last_entry(r, DT_STRTAB), *size = last_entry(r, DT_STRSZ);
	uint64_t at, len;
	int e;

	if (!table || !size || !image_offset(&r->image, table->d_un.d_ptr, &at, &len) ||
	    size->d_un.d_val > len || size->d_un.d_val == 0)
		return image_malformed(err, "the string table is out of range");
	r->old_strings = table->d_un.d_ptr;
	r->old_len = size->d_un.d_val;
	e = bytes_add(&r->strings, NULL, r->old_len, STRINGS_MAX, err);
	if (e < 0)
		return e;
	if (!image_get(&r->image, at, r->strings.data, r->old_len))
		return image_malformed(err, "the string table is out of range");
	if (r->strings.data[r->old_len - 1] != '\0')
		return image_malformed(err, "an unterminated string");
	return 0;
}

/* The offset of a new string. */
static int string_add(struct rewriting *r, const char *string, uint64_t *out, struct err *err)
{
	for (size_t at = r->old_len; at < r->strings.len; at += strlen(r->strings.data + at) + 1)
		if (strcmp(r->strings.data + at, string) == 0) {
			*out = at;
			return 0;
		}
	*out = r->strings.len;
	return bytes_add(&r->strings, string, strlen(string) + 1, STRINGS_MAX, err);
}

/* -- names -- */

/* The new name of the original's string at an offset. NULL: it keeps its own. */
static int new_name(struct rewriting *r, uint64_t at, const char **out, struct err *err)
{
	*out = NULL;
	if (at >= r->old_len)
		return image_malformed(err, "a string out of range");
	for (size_t i = 0; i < r->edit->nrenames; i++)
		if (strcmp(r->strings.data + at, r->edit->renames[i].from) == 0) {
			*out = r->edit->renames[i].to;
			return 0;
		}
	return 0;
}

static bool needs(const struct rewriting *r, const char *name)
{
	for (size_t n = 0; n < r->nentries; n++) {
		const Elf64_Dyn *d = &r->entries[n];

		if (d->d_tag == DT_NEEDED && d->d_un.d_val < r->old_len &&
		    strcmp(r->strings.data + d->d_un.d_val, name) == 0)
			return true;
	}
	return false;
}

static int rename_needed(struct rewriting *r, struct err *err)
{
	for (size_t i = 0; i < r->edit->nrenames; i++)
		if (!needs(r, r->edit->renames[i].from))
			return err_set(err, EINVAL, "does not need %s", r->edit->renames[i].from);
	for (size_t n = 0; n < r->nentries; n++) {
		Elf64_Dyn *d = &r->entries[n];
		const char *name = NULL;
		int e = d->d_tag == DT_NEEDED ? new_name(r, d->d_un.d_val, &name, err) : 0;

		if (e == 0 && name)
			e = string_add(r, name, &d->d_un.d_val, err);
		if (e < 0)
			return e;
	}
	return 0;
}

/* A record's file at an offset of the program. */
static int rename_record(struct rewriting *r, uint64_t at, uint32_t file, struct err *err)
{
	const char *name;
	uint64_t offset;
	uint32_t word;
	int e = new_name(r, file, &name, err);

	if (e < 0 || !name)
		return e;
	e = string_add(r, name, &offset, err);
	if (e < 0)
		return e;
	word = (uint32_t)offset; /* STRINGS_MAX fits */
	return add_patch(r, at + offsetof(Elf64_Verneed, vn_file), &word, sizeof word, err);
}

/* glibc's loader asserts that each file of DT_VERNEED is the name of an object that it has loaded (dl-version.c). */
static int rename_versions(struct rewriting *r, struct err *err)
{
	const Elf64_Dyn *d = last_entry(r, DT_VERNEED);
	Elf64_Verneed need; /* the same bytes in both classes */
	uint64_t start, len, at = 0;

	if (!d || r->edit->nrenames == 0)
		return 0;
	if (!image_offset(&r->image, d->d_un.d_ptr, &start, &len))
		return image_malformed(err, "the needed versions are out of range");
	for (size_t n = 0; n < RECORDS_MAX; n++) {
		int e;

		if (at > len || len - at < sizeof need ||
		    !image_get(&r->image, start + at, &need, sizeof need))
			return image_malformed(err, "the needed versions are out of range");
		if (need.vn_version != VER_NEED_CURRENT)
			return image_malformed(err, "needed versions of an unknown format");
		e = rename_record(r, start + at, need.vn_file, err);
		if (e < 0 || need.vn_next == 0)
			return e;
		at += need.vn_next;
	}
	return image_malformed(err, "versions of too many files");
}

/* There is room: read_entries saw to it. */
static int entry_add(struct rewriting *r, int64_t tag, const char *string, struct err *err)
{
	Elf64_Dyn *d = &r->entries[r->nentries++];

	d->d_tag = tag;
	return string_add(r, string, &d->d_un.d_val, err);
}

static int set_path(struct rewriting *r, struct err *err)
{
	/* Beside a DT_RUNPATH the loader ignores DT_RPATH. */
	int64_t tag = last_entry(r, DT_RUNPATH) ? DT_RUNPATH : DT_RPATH;
	uint64_t at;
	int e;

	if (!r->edit->path)
		return 0;
	if (!last_entry(r, tag))
		return entry_add(r, DT_RPATH, r->edit->path, err);
	e = string_add(r, r->edit->path, &at, err);
	for (size_t n = 0; e == 0 && n < r->nentries; n++)
		if (r->entries[n].d_tag == tag)
			r->entries[n].d_un.d_val = at;
	return e;
}

static int change_names(struct rewriting *r, struct err *err)
{
	int e = rename_needed(r, err);

	if (e == 0)
		e = rename_versions(r, err);
	for (size_t i = 0; e == 0 && i < r->edit->nadded; i++)
		e = entry_add(r, DT_NEEDED, r->edit->added[i], err);
	return e < 0 ? e : set_path(r, err);
}

/* -- the tail -- */

/* The end of all segments in memory, and the greatest alignment. */
static int measure_segments(struct rewriting *r, uint64_t *end, struct err *err)
{
	*end = 0;
	r->segment_unit = PAGE;
	for (size_t n = 0; n < r->header.e_phnum; n++) {
		const Elf64_Phdr *ph = &r->phdrs[n];

		if (ph->p_type != PT_LOAD)
			continue;
		/* read_phdr has checked this sum. */
		*end = ph->p_vaddr + ph->p_memsz > *end ? ph->p_vaddr + ph->p_memsz : *end;
		r->segment_unit = ph->p_align > r->segment_unit ? ph->p_align : r->segment_unit;
	}
	if (r->segment_unit & (r->segment_unit - 1))
		return image_malformed(err, "a segment's alignment is no power of two");
	return 0;
}

/* Address and offset agree modulo the alignment, which mmap(2) needs. */
static int place_tail(struct rewriting *r, struct err *err)
{
	const uint64_t max = is_64(r) ? UINT64_MAX : UINT32_MAX;
	uint64_t at = rewrite_tail_at(r->image.size), end, last;
	int e = measure_segments(r, &end, err);

	if (e < 0)
		return e;
	r->moved = r->nentries + 1 > r->room;
	r->strings_at = r->moved ? round_up((r->nentries + 1) * entry_size(r), TAIL_ALIGN) : 0;
	r->segment_len = r->strings_at + r->strings.len;
	if (__builtin_add_overflow(end, r->segment_unit - 1, &end))
		return image_malformed(err, "its segments fill the address space");
	end &= ~(r->segment_unit - 1);
	if (__builtin_add_overflow(end, at % r->segment_unit, &r->address) ||
	    __builtin_add_overflow(r->address, r->segment_len, &last) || last > max ||
	    at + r->segment_len > max)
		return image_malformed(err, "its segments fill the address space");
	r->out->tail_at = at;
	return 0;
}

static int put_entry(struct rewriting *r, struct rewrite_bytes *to, const Elf64_Dyn *d,
		     struct err *err)
{
	Elf32_Dyn d32;

	d32.d_tag = (int32_t)d->d_tag;
	d32.d_un.d_val = (uint32_t)d->d_un.d_val;
	return bytes_add(to, is_64(r) ? (const void *)d : (const void *)&d32, entry_size(r),
			 REWRITE_TAIL_MAX, err);
}

static int put_entries(struct rewriting *r, struct rewrite_bytes *to, struct err *err)
{
	static const Elf64_Dyn last = {.d_tag = DT_NULL};
	int e = 0;

	for (size_t n = 0; e == 0 && n < r->nentries; n++) {
		Elf64_Dyn d = r->entries[n];

		if (d.d_tag == DT_STRTAB)
			d.d_un.d_ptr = r->address + r->strings_at;
		if (d.d_tag == DT_STRSZ)
			d.d_un.d_val = r->strings.len;
		e = put_entry(r, to, &d, err);
	}
	return e < 0 ? e : put_entry(r, to, &last, err);
}

static int make_tail(struct rewriting *r, struct err *err)
{
	AUTO_BYTES struct rewrite_bytes here = {0};
	struct rewrite_bytes *tail = &r->out->tail;
	int e;

	if (r->moved) {
		e = put_entries(r, tail, err);
		if (e == 0)
			e = bytes_add(tail, NULL, r->strings_at - tail->len, REWRITE_TAIL_MAX, err);
	} else {
		e = put_entries(r, &here, err);
		if (e == 0)
			e = add_patch(r, r->phdrs[r->dynamic].p_offset, here.data, here.len, err);
	}
	return e < 0 ? e : bytes_add(tail, r->strings.data, r->strings.len, REWRITE_TAIL_MAX, err);
}

/* -- the headers of the copy -- */

static bool is_property(const struct rewriting *r, const Elf64_Phdr *note)
{
	for (size_t n = 0; n < r->header.e_phnum; n++) {
		const Elf64_Phdr *ph = &r->phdrs[n];

		if (ph->p_type == PT_GNU_PROPERTY && ph->p_vaddr == note->p_vaddr &&
		    ph->p_offset == note->p_offset)
			return true;
	}
	return false;
}

/* Whether a segment has only notes of toolchains, which are found by their sections, too. A program may keep data of its
 * own in others, and look for them by their program header (single executables of Node.js). */
static bool has_known_notes(struct rewriting *r, const Elf64_Phdr *ph)
{
	static const char *const owners[] = {"GNU", "FDO", "Go"};
	const uint64_t unit = ph->p_align == 8 ? 8 : 4;
	bool known = ph->p_filesz > 0;

	for (uint64_t at = 0; known && at < ph->p_filesz;) {
		Elf64_Nhdr head;
		char owner[4] = "";

		if (!image_get(&r->image, ph->p_offset + at, &head, sizeof head) ||
		    head.n_namesz == 0 || head.n_namesz > sizeof owner ||
		    !image_get(&r->image, ph->p_offset + at + sizeof head, owner, head.n_namesz))
			return false;
		known = false;
		for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
			known |= strncmp(owner, owners[i], sizeof owner) == 0;
		at += round_up(sizeof head + head.n_namesz, unit);
		at += round_up((uint64_t)head.n_descsz, unit);
	}
	return known;
}

/* The entry whose place the new segment takes: the one that is missed least. */
static int find_spare(struct rewriting *r, size_t *out, struct err *err)
{
	int best = 0;

	for (size_t n = 0; n < r->header.e_phnum; n++) {
		const Elf64_Phdr *ph = &r->phdrs[n];
		int worth = ph->p_type == PT_NULL ? 2 : 0;

		if (ph->p_type == PT_NOTE)
			worth = is_property(r, ph) ? 3 : has_known_notes(r, ph) ? 1 : 0;
		/* Of other notes the last. */
		if (worth > best || (worth == 1 && best == 1)) {
			best = worth;
			*out = n;
		}
	}
	return best > 0 ? 0 : err_set(err, EINVAL, "has no program header to spare");
}

static Elf64_Phdr tail_segment(const struct rewriting *r)
{
	/* The loader writes the address of its own tables into the dynamic section (DT_DEBUG). */
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = r->moved ? PF_R | PF_W : PF_R,
		.p_offset = r->out->tail_at,
		.p_vaddr = r->address,
		.p_paddr = r->address,
		.p_filesz = r->segment_len,
		.p_memsz = r->segment_len,
		.p_align = r->segment_unit,
	};
}

static void move_dynamic(const struct rewriting *r, Elf64_Phdr *ph)
{
	ph->p_offset = r->out->tail_at;
	ph->p_vaddr = ph->p_paddr = r->address;
	ph->p_filesz = ph->p_memsz = (r->nentries + 1) * entry_size(r);
}

static size_t last_load(const struct rewriting *r)
{
	size_t last = 0;

	for (size_t n = 0; n < r->header.e_phnum; n++)
		if (r->phdrs[n].p_type == PT_LOAD)
			last = n;
	return last;
}

/* The new segment follows the last PT_LOAD: they have to be in the order of their addresses. */
static int change_phdrs(struct rewriting *r, struct err *err)
{
	const Elf64_Phdr tail = tail_segment(r);
	AUTO_BYTES struct rewrite_bytes table = {0};
	size_t spare = 0, behind = last_load(r);
	int e = find_spare(r, &spare, err);

	for (size_t n = 0; e == 0 && n < r->header.e_phnum; n++) {
		Elf64_Phdr ph = r->phdrs[n];

		if (r->moved && n == r->dynamic)
			move_dynamic(r, &ph);
		if (n != spare)
			e = put_phdr(r, &ph, &table, err);
		if (e == 0 && n == behind)
			e = put_phdr(r, &tail, &table, err);
	}
	if (e == 0)
		e = add_patch(r, r->header.e_phoff, table.data, table.len, err);
	return e;
}

/* Not for the loader: for tools that go by sections, such as gdb, readelf and strip. */
static int change_sections(struct rewriting *r, struct err *err)
{
	int e = 0;

	for (size_t n = 0; e == 0 && n < r->nsections; n++) {
		Elf64_Shdr sh;

		if (!get_section(r, n, &sh))
			return image_malformed(err, "the section headers are out of range");
		if (sh.sh_type == SHT_STRTAB && (sh.sh_flags & SHF_ALLOC) &&
		    sh.sh_addr == r->old_strings) {
			sh.sh_offset = r->out->tail_at + r->strings_at;
			sh.sh_addr = r->address + r->strings_at;
			sh.sh_size = r->strings.len;
			e = patch_section(r, n, &sh, err);
		} else if (sh.sh_type == SHT_DYNAMIC && r->moved) {
			sh.sh_offset = r->out->tail_at;
			sh.sh_addr = r->address;
			sh.sh_size = (r->nentries + 1) * entry_size(r);
			e = patch_section(r, n, &sh, err);
		}
	}
	return e;
}

int rewrite_compute(int fd, const struct edit *edit, struct rewrite *out, struct err *err)
{
	AUTO_REWRITING struct rewriting r;
	int e;

	memset((char *)&r + sizeof r.image, 0, sizeof r - sizeof r.image);
	r.edit = edit;
	r.out = out;
	e = read_headers(&r, fd, err);
	if (e == 0)
		e = refuse_data(&r, err);
	if (e == 0)
		e = read_entries(&r, err);
	if (e == 0)
		e = read_strings(&r, err);
	if (e == 0)
		e = change_names(&r, err);
	if (e == 0 && edit->mark) /* last, and no name can stand in for it */
		e = bytes_add(&r.strings, edit->mark, strlen(edit->mark) + 1, STRINGS_MAX, err);
	if (e == 0)
		e = place_tail(&r, err);
	if (e == 0)
		e = make_tail(&r, err);
	if (e == 0)
		e = change_phdrs(&r, err);
	if (e == 0)
		e = change_sections(&r, err);
	return e;
}
