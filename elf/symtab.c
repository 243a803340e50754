#include "elf/symtab.h"

#include "base/cleanup.h"
#include "elf/image.h"

#include <byteswap.h>
#include <stdlib.h>
#include <string.h>

#define TABLES_MAX (128u << 20) /* bytes that are read of one file; of libLLVM it is 14 MiB */
#define DYNAMIC_MAX 65536
#define SYMBOLS_MAX (TABLES_MAX / sizeof(Elf64_Sym))

enum { REFERRED = 1, COPIED = 2 };

/* Entries of the dynamic section about symbols: addresses, and lengths in bytes. */
struct symbol_tags {
	uint64_t symbols, strings, strings_len, versions, hash, gnu_hash;
	uint64_t rel, rel_len, rela, rela_len, plt, plt_len, plt_kind;
	uint64_t rel_relative, rela_relative; /* how many relocations without a symbol come first */
};

/* The symbols that relocations name. */
struct symbol_marks {
	unsigned char *flags;
	size_t room, end; /* end: one more than the highest */
};

void symtab_free(struct symtab *t)
{
	free(t->symbols);
	free(t->strings);
	free(t->versions);
	free(t->by_index);
	free(t->references);
	free(t->hash);
	*t = (struct symtab){0};
}

/* -- reading -- */

/* A part of the file by its address, whole. */
static int read_part(struct image *i, uint64_t address, uint64_t len, void **out, struct err *err)
{
	uint64_t at, there;

	if (!image_offset(i, address, &at, &there) || len > there)
		return image_malformed(err, "a table of symbols is out of range");
	if (len > TABLES_MAX - i->taken)
		return err_set(err, E2BIG, "its tables of symbols are too large");
	i->taken += len;
	*out = malloc(len ? len : 1);
	if (!*out)
		return err_nomem(err);
	if (image_get(i, at, *out, len))
		return 0;
	free(*out);
	*out = NULL;
	return image_malformed(err, "a table of symbols is out of range");
}

static void take_tag(struct symbol_tags *w, int64_t tag, uint64_t value)
{
	const struct {
		int64_t tag;
		uint64_t *to;
	} known[] = {
		{DT_SYMTAB, &w->symbols},
		{DT_STRTAB, &w->strings},
		{DT_STRSZ, &w->strings_len},
		{DT_VERSYM, &w->versions},
		{DT_HASH, &w->hash},
		{DT_GNU_HASH, &w->gnu_hash},
		{DT_REL, &w->rel},
		{DT_RELSZ, &w->rel_len},
		{DT_RELA, &w->rela},
		{DT_RELASZ, &w->rela_len},
		{DT_JMPREL, &w->plt},
		{DT_PLTRELSZ, &w->plt_len},
		{DT_PLTREL, &w->plt_kind},
		{DT_RELCOUNT, &w->rel_relative},
		{DT_RELACOUNT, &w->rela_relative},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].tag == tag)
			*known[i].to = value;
}

static int read_where(struct image *i, struct symbol_tags *w, struct err *err)
{
	Elf64_Phdr ph, dynamic = {0};
	uint64_t at, len, value;
	int64_t tag;
	int r = 0;

	for (size_t n = 0; r == 0 && n < i->header.e_phnum; n++) {
		r = image_phdr(i, n, &ph, err);
		if (r == 0 && ph.p_type == PT_LOAD)
			r = image_add_load(i, &ph, err);
		if (r == 0 && ph.p_type == PT_DYNAMIC)
			dynamic = ph;
	}
	if (r < 0 || !image_offset(i, dynamic.p_vaddr, &at, &len))
		return r < 0 ? r : image_malformed(err, "the dynamic section is not in the file");
	for (size_t n = 0; n < DYNAMIC_MAX && image_dyn(i, at, n, &tag, &value); n++) {
		if (tag == DT_NULL)
			return 0;
		take_tag(w, tag, value);
	}
	return image_malformed(err, "the dynamic section is out of range");
}

/* -- the hash table -- */

/* Words of a part of the file, in the machine's byte order. */
static int read_words(struct image *i, uint64_t address, uint64_t count, void **out,
		      struct err *err)
{
	int r = read_part(i, address, count * 4, out, err);

	for (uint64_t k = 0; r == 0 && i->swap && k < count; k++)
		((uint32_t *)*out)[k] = bswap_32(((uint32_t *)*out)[k]);
	return r;
}

/* The highest symbol that a bucket of the GNU hash table begins with. */
static int last_bucket(struct image *i, uint64_t address, uint32_t count, uint32_t *last,
		       struct err *err)
{
	AUTO_FREE void *raw = NULL;
	int r = read_words(i, address, count, &raw, err);

	*last = 0;
	for (uint32_t k = 0; r == 0 && k < count; k++) {
		uint32_t first = ((const uint32_t *)raw)[k];

		*last = first > *last ? first : *last;
	}
	return r;
}

/* With a GNU hash table no field holds the number of symbols: the chain of the highest bucket ends
 * with the last. */
static int count_gnu(struct image *i, uint64_t chains, uint64_t len, uint32_t last,
		     struct symtab *t, struct err *err)
{
	uint32_t word;

	t->count = t->first;
	if (last < t->first)
		return 0;
	for (uint64_t c = 4ull * (last - t->first);; c += 4, last++) {
		if (c > TABLES_MAX)
			return err_set(err, E2BIG, "its hash table is too large");
		if (c + 4 > len || !image_get(i, chains + c, &word, 4))
			return image_malformed(err, "the hash table is out of range");
		if (image_u32(i, word) & 1)
			break;
	}
	t->count = (size_t)last + 1;
	t->nchains = t->count - t->first;
	return 0;
}

/* Words of 64 bits were swapped as two of 32. */
static void swap_blooms(const struct image *i, uint32_t *blooms, uint32_t count)
{
	for (uint32_t k = 0; i->swap && i->class == 64 && k < count; k++) {
		uint32_t half = blooms[2 * k];

		blooms[2 * k] = blooms[2 * k + 1];
		blooms[2 * k + 1] = half;
	}
}

static int read_gnu(struct image *i, uint64_t address, struct symtab *t, struct err *err)
{
	uint32_t header[4], last, *block;
	uint64_t at, len, buckets, chains;
	int r;

	if (!image_offset(i, address, &at, &len) || len < sizeof header ||
	    !image_get(i, at, header, sizeof header))
		return image_malformed(err, "the hash table is out of range");
	t->gnu = true;
	t->nbuckets = image_u32(i, header[0]);
	t->first = image_u32(i, header[1]);
	t->nblooms = image_u32(i, header[2]);
	t->shift = image_u32(i, header[3]) & 31;
	t->bits = (unsigned int)i->class;
	buckets = sizeof header + (uint64_t)t->nblooms * (t->bits / 8);
	chains = buckets + (uint64_t)t->nbuckets * 4;
	if (chains > len)
		return image_malformed(err, "the hash table is out of range");
	r = last_bucket(i, address + buckets, t->nbuckets, &last, err);
	if (r == 0)
		r = count_gnu(i, at + chains, len - chains, last, t, err);
	if (r == 0)
		r = read_words(i, address, chains / 4 + t->nchains, &t->hash, err);
	if (r < 0)
		return r;
	block = t->hash;
	swap_blooms(i, block + 4, t->nblooms);
	t->buckets = block + buckets / 4;
	t->chains = block + chains / 4;
	return 0;
}

static int read_hash(struct image *i, uint64_t address, struct symtab *t, struct err *err)
{
	uint32_t header[2];
	uint64_t at, len;
	int r;

	if (!image_offset(i, address, &at, &len) || len < sizeof header ||
	    !image_get(i, at, header, sizeof header))
		return image_malformed(err, "the hash table is out of range");
	t->nbuckets = image_u32(i, header[0]);
	t->count = t->nchains = image_u32(i, header[1]);
	r = read_words(i, address, 2 + (uint64_t)t->nbuckets + t->nchains, &t->hash, err);
	if (r < 0)
		return r;
	t->buckets = (const uint32_t *)t->hash + 2;
	t->chains = t->buckets + t->nbuckets;
	return 0;
}

/* -- symbols -- */

static int read_symbols(struct image *i, const struct symbol_tags *w, struct symtab *t,
			struct err *err)
{
	size_t size = i->class == 64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	AUTO_FREE void *raw = NULL;
	int r;

	if (t->count > SYMBOLS_MAX)
		return image_malformed(err, "too many symbols");
	r = read_part(i, w->symbols, t->count * size, &raw, err);
	if (r < 0)
		return r;
	if (i->class == 64 && !i->swap) {
		t->symbols = raw;
		raw = NULL;
		return 0;
	}
	t->symbols = calloc(t->count + 1, sizeof *t->symbols);
	if (!t->symbols)
		return err_nomem(err);
	for (size_t k = 0; k < t->count; k++) {
		const Elf32_Sym *s32 = (const Elf32_Sym *)raw + k;
		const Elf64_Sym *s64 = (const Elf64_Sym *)raw + k;
		Elf64_Sym *s = &t->symbols[k];

		s->st_name = image_u32(i, i->class == 64 ? s64->st_name : s32->st_name);
		s->st_info = i->class == 64 ? s64->st_info : s32->st_info;
		s->st_other = i->class == 64 ? s64->st_other : s32->st_other;
		s->st_shndx = image_u16(i, i->class == 64 ? s64->st_shndx : s32->st_shndx);
		s->st_value =
			i->class == 64 ? image_u64(i, s64->st_value) : image_u32(i, s32->st_value);
	}
	return 0;
}

static int read_strings(struct image *i, const struct symbol_tags *w, struct symtab *t,
			struct err *err)
{
	void *raw = NULL;
	int r = read_part(i, w->strings, w->strings_len, &raw, err);

	if (r < 0)
		return r;
	t->strings = raw;
	t->strings_len = w->strings_len;
	if (t->strings_len > 0)
		t->strings[t->strings_len - 1] = '\0';
	return 0;
}

static int read_versions(struct image *i, const struct symbol_tags *w, struct symtab *t,
			 struct err *err)
{
	void *raw = NULL;
	int r;

	if (!w->versions)
		return 0;
	r = read_part(i, w->versions, t->count * 2, &raw, err);
	if (r < 0)
		return r;
	t->versions = raw;
	for (size_t k = 0; i->swap && k < t->count; k++)
		t->versions[k] = bswap_16(t->versions[k]);
	return 0;
}

static uint16_t highest(const struct elf *e)
{
	uint16_t most = 0;

	for (size_t k = 0; k < e->nverneed; k++)
		most = e->verneed[k].index > most ? e->verneed[k].index : most;
	for (size_t k = 0; k < e->nverdef; k++)
		most = e->verdef[k].index > most ? e->verdef[k].index : most;
	return most;
}

/* Of several versions with one number the first needed one counts, then the first defined one. */
static int index_versions(struct symtab *t, struct err *err)
{
	const struct elf *e = t->elf;

	if (!t->versions)
		return 0;
	t->nindexes = (size_t)highest(e) + 1;
	t->by_index = calloc(t->nindexes, sizeof(const struct elf_version *));
	if (!t->by_index)
		return err_nomem(err);
	for (size_t k = e->nverdef; k-- > 0;)
		t->by_index[e->verdef[k].index] = e->verdef[k].base ? NULL : &e->verdef[k];
	for (size_t k = e->nverneed; k-- > 0;)
		t->by_index[e->verneed[k].index] = &e->verneed[k];
	return 0;
}

/* -- relocations -- */

/* R_*_COPY: the symbol is defined here, but the loader looks for it in the other objects. */
static bool is_copy(const struct elf *e, uint32_t type)
{
	return (e->machine == EM_X86_64 && type == R_X86_64_COPY) ||
	       (e->machine == EM_386 && type == R_386_COPY) ||
	       (e->machine == EM_AARCH64 && type == R_AARCH64_COPY);
}

static int mark_symbol(struct symbol_marks *m, uint32_t symbol, unsigned char flags,
		       struct err *err)
{
	if (symbol >= SYMBOLS_MAX)
		return image_malformed(err, "too many symbols");
	if (symbol >= m->room) {
		size_t room = symbol + 1 > 2 * m->room ? (size_t)symbol + 1 : 2 * m->room;
		unsigned char *more = realloc(m->flags, room);

		if (!more)
			return err_nomem(err);
		memset(more + m->room, 0, room - m->room);
		m->flags = more;
		m->room = room;
	}
	m->flags[symbol] |= flags;
	if (symbol >= m->end)
		m->end = (size_t)symbol + 1;
	return 0;
}

static int read_relocations(struct image *i, const struct elf *elf, uint64_t address, uint64_t len,
			    bool addends, struct symbol_marks *m, struct err *err)
{
	size_t word = (size_t)i->class / 8, size = word * (addends ? 3 : 2);
	AUTO_FREE void *raw = NULL;
	int r = len ? read_part(i, address, len, &raw, err) : 0;

	for (size_t k = 0; r == 0 && k < len / size; k++) {
		const char *info = (const char *)raw + k * size + word;
		uint32_t w32, symbol, type;
		uint64_t w64;

		if (word == 8) {
			memcpy(&w64, info, 8);
			w64 = i->swap ? bswap_64(w64) : w64;
			symbol = (uint32_t)(w64 >> 32);
			type = (uint32_t)w64;
		} else {
			memcpy(&w32, info, 4);
			w32 = i->swap ? bswap_32(w32) : w32;
			symbol = w32 >> 8;
			type = w32 & 0xff;
		}
		if (symbol > 0)
			r = mark_symbol(m, symbol,
					is_copy(elf, type) ? REFERRED | COPIED : REFERRED, err);
	}
	return r;
}

/* Skips the first count relocations of size bytes, which the loader applies as relative ones without
 * reading their types (glibc's elf/do-rel.h). In libLLVM they are 7 of 8 MiB. */
static void skip(uint64_t *address, uint64_t *len, uint64_t count, size_t size)
{
	uint64_t skipped = count < *len / size ? count * size : *len / size * size;

	*address += skipped;
	*len -= skipped;
}

static int read_all_relocations(struct image *i, struct symbol_tags *w, const struct elf *elf,
				struct symbol_marks *m, struct err *err)
{
	int r;

	skip(&w->rel, &w->rel_len, w->rel_relative, (size_t)i->class / 8 * 2);
	skip(&w->rela, &w->rela_len, w->rela_relative, (size_t)i->class / 8 * 3);
	r = read_relocations(i, elf, w->rel, w->rel_len, false, m, err);
	if (r == 0)
		r = read_relocations(i, elf, w->rela, w->rela_len, true, m, err);
	if (r == 0)
		r = read_relocations(i, elf, w->plt, w->plt_len, w->plt_kind == DT_RELA, m, err);
	return r;
}

static bool must_be_found(const Elf64_Sym *s, unsigned char flags)
{
	if (!(flags & REFERRED) || ELF64_ST_BIND(s->st_info) != STB_GLOBAL ||
	    ELF64_ST_VISIBILITY(s->st_other) != STV_DEFAULT)
		return false;
	return s->st_shndx == SHN_UNDEF || flags & COPIED;
}

static int take_references(struct symtab *t, const struct symbol_marks *m, struct err *err)
{
	size_t n = 0;

	for (size_t k = 1; k < m->end; k++)
		n += must_be_found(&t->symbols[k], m->flags[k]);
	t->references = calloc(n + 1, sizeof *t->references);
	if (!t->references)
		return err_nomem(err);
	for (size_t k = 1; k < m->end; k++)
		if (must_be_found(&t->symbols[k], m->flags[k]))
			t->references[t->nreferences++] =
				(struct reference){(uint32_t)k, m->flags[k] & COPIED};
	return 0;
}

/* -- the whole -- */

/* A hash table without entries does not tell the number of symbols; the highest one that a relocation
 * names does. */
static int read_tables(struct image *i, struct symbol_tags *w, struct symtab *t,
		       struct symbol_marks *m, struct err *err)
{
	int r = 0;

	if (w->gnu_hash)
		r = read_gnu(i, w->gnu_hash, t, err);
	else if (w->hash)
		r = read_hash(i, w->hash, t, err);
	if (r == 0)
		r = read_all_relocations(i, w, t->elf, m, err);
	if (r < 0)
		return r;
	t->count = m->end > t->count ? m->end : t->count;
	r = read_symbols(i, w, t, err);
	if (r == 0)
		r = read_strings(i, w, t, err);
	if (r == 0)
		r = read_versions(i, w, t, err);
	if (r == 0)
		r = index_versions(t, err);
	return r == 0 ? take_references(t, m, err) : r;
}

static int read_image(struct image *i, struct symtab *t, struct err *err)
{
	struct symbol_tags w = {0};
	struct symbol_marks m = {0};
	int r = image_header(i, err);

	if (r == 0)
		r = read_where(i, &w, err);
	if (r == 0 && w.symbols)
		r = read_tables(i, &w, t, &m, err);
	free(m.flags);
	return r;
}

int symtab_read(int fd, const struct elf *elf, struct symtab *out, struct err *err)
{
	CLEANUP(symtab_free) struct symtab t = {.elf = elf};
	AUTO_FREE struct image *i = malloc(sizeof *i); /* some 20 KiB */
	int r;

	if (!i)
		return err_nomem(err);
	r = image_open(fd, i, err);
	if (r == 0)
		r = read_image(i, &t, err);
	else if (r > 0)
		r = err_set(err, EBADMSG, "the file changed while it was read");
	image_close(i);
	if (r < 0)
		return r;
	*out = t;
	t = (struct symtab){0};
	return 0;
}

const char *symtab_name(const struct symtab *t, size_t symbol)
{
	uint32_t at = t->symbols[symbol].st_name;

	return at < t->strings_len ? t->strings + at : "";
}

/* -- looking up -- */

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

static uint32_t old_hash(const char *name)
{
	uint32_t h = 0;

	for (; *name; name++) {
		h = (h << 4) + (unsigned char)*name;
		h ^= h >> 24 & 0xf0;
	}
	return h & 0x0fffffff;
}

static bool is_definition(const Elf64_Sym *s)
{
	unsigned int bind = ELF64_ST_BIND(s->st_info), type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF ||
	    (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE))
		return false;
	if (s->st_value == 0 && s->st_shndx != SHN_ABS && type != STT_TLS)
		return false;
	return type == STT_NOTYPE || type == STT_OBJECT || type == STT_FUNC || type == STT_COMMON ||
	       type == STT_TLS || type == STT_GNU_IFUNC;
}

/* Numbers 0 and 1 are no versions, nor is the base version, whose name is the file's. */
const struct elf_version *symtab_version(const struct symtab *t, size_t symbol)
{
	uint16_t index;

	if (!t->versions)
		return NULL;
	index = t->versions[symbol] & 0x7fff;
	return index < t->nindexes ? t->by_index[index] : NULL;
}

/* Hashing or comparing a name takes a step for so many of its bytes. */
#define STEP_BYTES 16

void lookup_begin(struct lookup *l, const char *name, const struct elf_version *wanted)
{
	l->name = name;
	l->wanted = wanted;
	l->hash = gnu_hash(name);
	l->old_hash = old_hash(name);
	l->cost = (uint32_t)(1 + strlen(name) / STEP_BYTES);
	if (wanted)
		l->cost += (uint32_t)(strlen(wanted->name) / STEP_BYTES);
	l->steps += l->cost;
}

enum match { MATCH_NO, MATCH_YES, MATCH_PERHAPS /* a match if the object has no other */ };

/* glibc's check_match. */
static enum match match_symbol(const struct symtab *t, size_t symbol, struct lookup *l)
{
	const struct elf_version *given;
	uint16_t versym;

	if (symbol == 0 || !is_definition(&t->symbols[symbol]))
		return MATCH_NO;
	l->steps += l->cost;
	if (strcmp(symtab_name(t, symbol), l->name) != 0)
		return MATCH_NO;
	if (!l->versions || !t->versions)
		return MATCH_YES;
	versym = t->versions[symbol];
	if (!l->wanted) {
		if ((versym & 0x7fff) < 3)
			return MATCH_YES;
		return versym & 0x8000 ? MATCH_NO : MATCH_PERHAPS;
	}
	given = symtab_version(t, symbol);
	if (given && given->hash == l->wanted->hash && strcmp(given->name, l->wanted->name) == 0)
		return MATCH_YES;
	return given || versym & 0x8000 || l->wanted->hidden ? MATCH_NO : MATCH_YES;
}

/* False: both bits of the hash are not set in the Bloom filter, so the symbol is not in the table. */
static bool in_bloom(const struct symtab *t, uint32_t hash)
{
	const uint32_t *blooms = (const uint32_t *)t->hash + 4;
	unsigned int bits = t->bits;
	uint32_t at = hash / bits & (t->nblooms - 1), second = hash >> t->shift;
	uint64_t word;

	if (at >= t->nblooms)
		return false;
	if (bits == 64)
		memcpy(&word, blooms + 2 * (size_t)at, 8);
	else
		word = blooms[at];
	return word >> (hash & (bits - 1)) & word >> (second & (bits - 1)) & 1;
}

static bool in_gnu(const struct symtab *t, struct lookup *l)
{
	size_t perhaps = 0, at;

	if (!in_bloom(t, l->hash))
		return false;
	at = t->buckets[l->hash % t->nbuckets];
	for (at = at < t->first ? t->nchains : at - t->first; at < t->nchains; at++) {
		if (++l->steps >= l->limit)
			return false;
		if ((t->chains[at] ^ l->hash) >> 1 == 0) {
			enum match m = match_symbol(t, t->first + at, l);

			if (m == MATCH_YES)
				return true;
			perhaps += m == MATCH_PERHAPS;
		}
		if (t->chains[at] & 1)
			break;
	}
	return perhaps == 1;
}

/* A chain may be a circle, so it ends after as many steps as there are symbols. */
static bool in_old(const struct symtab *t, struct lookup *l)
{
	size_t perhaps = 0, at = t->buckets[l->old_hash % t->nbuckets];

	for (size_t n = 0; n < t->nchains && at > 0 && at < t->nchains; n++, at = t->chains[at]) {
		enum match m = match_symbol(t, at, l);

		if (++l->steps >= l->limit)
			return false;
		if (m == MATCH_YES)
			return true;
		perhaps += m == MATCH_PERHAPS;
	}
	return perhaps == 1;
}

bool symtab_defines(const struct symtab *t, struct lookup *l)
{
	if (++l->steps >= l->limit || t->nbuckets == 0)
		return false;
	return t->gnu ? in_gnu(t, l) : in_old(t, l);
}
