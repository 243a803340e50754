#include "labeler/symbols.h"

#include "base/cleanup.h"
#include "labeler/image.h"
#include "labeler/look.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_MAX (256u << 20) /* bytes of one table */
#define DYNAMIC_MAX 65536
#define UNDEFINED_MAX 65536

/* What the dynamic section says of symbols; addresses, and lengths in bytes. */
struct where {
	uint64_t symbols, strings, strings_len, versions, hash, gnu_hash;
	uint64_t rel, rel_len, rela, rela_len, plt, plt_len, plt_kind;
	uint64_t rel_relative, rela_relative; /* how many come first that name no symbol */
};

/* One object's symbols, in memory. */
struct table {
	const struct elf *elf;
	Elf64_Sym *symbols;
	size_t count;
	/* Those of the hash table: the others define nothing. */
	size_t first_hashed, end_hashed;
	char *strings;
	size_t strings_len;
	uint16_t *versions; /* of count; NULL: none */
	bool *referred; /* by a relocation; copied: only by one that copies from another object */
	bool *copied;
};

/* A definition, in a chain of those whose names have the same hash, in the order of the scope. */
struct definition {
	uint32_t next; /* + 1; 0: the last */
	uint32_t object, symbol;
};

struct scope {
	struct table *tables;
	size_t count;
	struct definition *items;
	uint32_t *buckets;
	size_t nitems, nbuckets;
	bool versions; /* the loader knows of them */
};

static void table_free(struct table *t)
{
	free(t->symbols);
	free(t->strings);
	free(t->versions);
	free(t->referred);
	free(t->copied);
}

static void scope_free(struct scope *s)
{
	for (size_t i = 0; s->tables && i < s->count; i++)
		table_free(&s->tables[i]);
	free(s->tables);
	free(s->items);
	free(s->buckets);
}

void undefineds_free(struct undefineds *u)
{
	for (size_t i = 0; i < u->count; i++)
		free(u->items[i].name);
	free(u->items);
	*u = (struct undefineds){0};
}

static int malformed(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "malformed ELF file: %s", what);
}

/* -- reading -- */

/* A part of the file by its address, whole. */
static int part(struct image *i, uint64_t address, uint64_t len, void **out, struct err *err)
{
	uint64_t at, there;

	if (!image_offset(i, address, &at, &there) || len > there || len > TABLE_MAX)
		return malformed(err, "a table of symbols is out of range");
	*out = malloc(len ? len : 1);
	if (!*out)
		return err_nomem(err);
	if (image_get(i, at, *out, len))
		return 0;
	free(*out);
	*out = NULL;
	return malformed(err, "a table of symbols is out of range");
}

static void take_tag(struct where *w, int64_t tag, uint64_t value)
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

static int read_where(struct image *i, struct where *w, struct err *err)
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
		return r < 0 ? r : malformed(err, "the dynamic section is not in the file");
	for (size_t n = 0; n < DYNAMIC_MAX && image_dyn(i, at, n, &tag, &value); n++) {
		if (tag == DT_NULL)
			return 0;
		take_tag(w, tag, value);
	}
	return malformed(err, "the dynamic section is out of range");
}

/* The highest symbol that a bucket of the GNU hash table begins with. */
static int last_bucket(struct image *i, uint64_t address, uint32_t count, uint32_t *last,
		       struct err *err)
{
	AUTO_FREE void *raw = NULL;
	int r = part(i, address, (uint64_t)count * 4, &raw, err);

	*last = 0;
	for (uint32_t k = 0; r == 0 && k < count; k++) {
		uint32_t first = image_u32(i, ((const uint32_t *)raw)[k]);

		*last = first > *last ? first : *last;
	}
	return r;
}

/* With a GNU hash table the number of symbols stands nowhere: the chain of the highest bucket ends
 * with the last. */
static int count_gnu(struct image *i, const struct where *w, struct table *t, struct err *err)
{
	uint32_t header[4], word, last;
	uint64_t at, len, buckets, chains;
	int r;

	if (!image_offset(i, w->gnu_hash, &at, &len) || len < sizeof header ||
	    !image_get(i, at, header, sizeof header))
		return malformed(err, "the hash table is out of range");
	for (size_t k = 0; k < 4; k++)
		header[k] = image_u32(i, header[k]);
	buckets = sizeof header + (uint64_t)header[2] * (i->class / 8u);
	chains = buckets + (uint64_t)header[0] * 4;
	if (chains > len)
		return malformed(err, "the hash table is out of range");
	r = last_bucket(i, w->gnu_hash + buckets, header[0], &last, err);
	if (r < 0)
		return r;
	t->first_hashed = t->count = header[1];
	if (last < header[1])
		return 0;
	for (uint64_t c = chains + 4ull * (last - header[1]);; c += 4, last++) {
		if (c + 4 > len || !image_get(i, at + c, &word, 4))
			return malformed(err, "the hash table is out of range");
		if (image_u32(i, word) & 1)
			break;
	}
	t->count = (size_t)last + 1;
	return 0;
}

static int count_symbols(struct image *i, const struct where *w, struct table *t, struct err *err)
{
	uint32_t header[2];
	uint64_t at, len;

	if (w->gnu_hash)
		return count_gnu(i, w, t, err);
	if (!w->hash)
		return 0;
	if (!image_offset(i, w->hash, &at, &len) || len < sizeof header ||
	    !image_get(i, at, header, sizeof header))
		return malformed(err, "the hash table is out of range");
	t->count = image_u32(i, header[1]);
	return 0;
}

static int read_symbols(struct image *i, const struct where *w, struct table *t, struct err *err)
{
	size_t size = i->class == 64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	AUTO_FREE void *raw = NULL;
	int r;

	if (t->count > TABLE_MAX / sizeof(Elf64_Sym))
		return malformed(err, "too many symbols");
	r = part(i, w->symbols, t->count * size, &raw, err);
	if (r < 0)
		return r;
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

static int read_versions(struct image *i, const struct where *w, struct table *t, struct err *err)
{
	void *raw = NULL;
	int r;

	if (!w->versions)
		return 0;
	r = part(i, w->versions, t->count * 2, &raw, err);
	if (r < 0)
		return r;
	t->versions = raw;
	for (size_t k = 0; k < t->count; k++)
		t->versions[k] = image_u16(i, t->versions[k]);
	return 0;
}

/* R_*_COPY, where it is known: the symbol is defined here, and looked for in the other objects. */
static bool is_copy(const struct elf *e, uint32_t type)
{
	return (e->machine == EM_X86_64 && type == R_X86_64_COPY) ||
	       (e->machine == EM_386 && type == R_386_COPY) ||
	       (e->machine == EM_AARCH64 && type == R_AARCH64_COPY);
}

/* Which symbols the relocations name; at first (referred is NULL) how many there must be at least:
 * a hash table that holds none of them does not tell. */
static int read_relocations(struct image *i, struct table *t, uint64_t address, uint64_t len,
			    bool addends, struct err *err)
{
	size_t word = (size_t)i->class / 8, size = word * (addends ? 3 : 2);
	AUTO_FREE void *raw = NULL;
	int r = len ? part(i, address, len, &raw, err) : 0;

	for (size_t k = 0; r == 0 && k < len / size; k++) {
		const char *info = (const char *)raw + k * size + word;
		uint32_t w32, symbol, type;
		uint64_t w64;

		if (word == 8) {
			memcpy(&w64, info, 8);
			w64 = image_u64(i, w64);
			symbol = (uint32_t)(w64 >> 32);
			type = (uint32_t)w64;
		} else {
			memcpy(&w32, info, 4);
			w32 = image_u32(i, w32);
			symbol = w32 >> 8;
			type = w32 & 0xff;
		}
		if (symbol == 0)
			continue;
		if (!t->referred) {
			t->count = symbol >= t->count ? (size_t)symbol + 1 : t->count;
			continue;
		}
		if (symbol >= t->count)
			return malformed(err, "it changes while it is read");
		t->referred[symbol] = true;
		t->copied[symbol] |= is_copy(t->elf, type);
	}
	return r;
}

/* Past the first count relocations of size bytes, which the loader takes for relative ones without
 * a look at them (glibc's do-rel.h). In libLLVM they are 7 of 8 MiB. */
static void skip(uint64_t *address, uint64_t *len, uint64_t count, size_t size)
{
	uint64_t skipped = count < *len / size ? count * size : *len / size * size;

	*address += skipped;
	*len -= skipped;
}

static int read_all_relocations(struct image *i, const struct where *w, struct table *t,
				struct err *err)
{
	int r = read_relocations(i, t, w->rel, w->rel_len, false, err);

	if (r == 0)
		r = read_relocations(i, t, w->rela, w->rela_len, true, err);
	if (r == 0)
		r = read_relocations(i, t, w->plt, w->plt_len, w->plt_kind == DT_RELA, err);
	return r;
}

static int read_table_of(struct image *i, struct table *t, struct err *err)
{
	struct where w = {0};
	void *strings = NULL;
	int r = image_header(i, err);

	if (r == 0)
		r = read_where(i, &w, err);
	if (r < 0 || !w.symbols)
		return r;
	skip(&w.rel, &w.rel_len, w.rel_relative, (size_t)i->class / 8 * 2);
	skip(&w.rela, &w.rela_len, w.rela_relative, (size_t)i->class / 8 * 3);
	r = count_symbols(i, &w, t, err);
	t->end_hashed = t->count;
	if (r == 0)
		r = read_all_relocations(i, &w, t, err);
	if (r == 0)
		r = read_symbols(i, &w, t, err);
	if (r == 0)
		r = part(i, w.strings, w.strings_len, &strings, err);
	if (r < 0)
		return r;
	t->strings = strings;
	t->strings_len = w.strings_len;
	if (t->strings_len > 0)
		t->strings[t->strings_len - 1] = '\0';
	t->referred = calloc(t->count + 1, sizeof *t->referred);
	t->copied = calloc(t->count + 1, sizeof *t->copied);
	if (!t->referred || !t->copied)
		return err_nomem(err);
	r = read_versions(i, &w, t, err);
	return r == 0 ? read_all_relocations(i, &w, t, err) : r;
}

static int read_table(const struct object *o, struct table *t, struct err *err)
{
	struct image *i;
	struct stat st;
	AUTO_FD int fd = look_open(NULL, o->file, &st, NULL);
	int r;

	t->elf = o->elf;
	if (fd < 0)
		return err_sys(err, -fd, "cannot open %s", o->file);
	i = malloc(sizeof *i); /* some 20 KiB */
	if (!i)
		return err_nomem(err);
	r = image_open(fd, i, err);
	if (r == 0)
		r = read_table_of(i, t, err);
	else if (r > 0)
		r = malformed(err, "it is none any more");
	image_close(i);
	free(i);
	return r < 0 ? err_wrap(err, r, "%s", o->path) : 0;
}

static const char *name_of(const struct table *t, size_t symbol)
{
	uint32_t at = t->symbols[symbol].st_name;

	return at < t->strings_len ? t->strings + at : "";
}

/* -- definitions -- */

static uint32_t hash(const char *s)
{
	uint32_t h = 5381;

	for (; *s; s++)
		h = h * 33 + (unsigned char)*s;
	return h ^ h >> 15;
}

static bool defines(const struct table *t, size_t symbol)
{
	const Elf64_Sym *s = &t->symbols[symbol];
	unsigned int bind = ELF64_ST_BIND(s->st_info), type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF ||
	    (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE))
		return false;
	if (s->st_value == 0 && s->st_shndx != SHN_ABS && type != STT_TLS)
		return false;
	return type == STT_NOTYPE || type == STT_OBJECT || type == STT_FUNC || type == STT_COMMON ||
	       type == STT_TLS || type == STT_GNU_IFUNC;
}

static int index_definitions(struct scope *s, struct err *err)
{
	size_t n = 0, room = 1024;

	for (size_t o = 0; o < s->count; o++)
		n += s->tables[o].count;
	while (room < n)
		room *= 2;
	s->items = calloc(n + 1, sizeof *s->items);
	s->buckets = calloc(room, sizeof *s->buckets);
	if (!s->items || !s->buckets)
		return err_nomem(err);
	s->nbuckets = room;
	/* Backwards, as each goes to the front of its chain. */
	for (size_t o = s->count; o-- > 0;) {
		const struct table *t = &s->tables[o];

		for (size_t k = t->end_hashed; k-- > t->first_hashed;) {
			uint32_t *b;

			if (k == 0 || !defines(t, k))
				continue;
			b = &s->buckets[hash(name_of(t, k)) & (room - 1)];
			s->items[s->nitems] = (struct definition){*b, (uint32_t)o, (uint32_t)k};
			*b = (uint32_t)++s->nitems;
		}
	}
	return 0;
}

/* -- looking up -- */

/* What DT_VERSYM's number means in the object, given or asked for; NULL: no version (0 and 1, and
 * the base's, whose name is the file's). */
static const struct elf_version *version_of(const struct elf *e, uint16_t versym)
{
	uint16_t index = versym & 0x7fff;

	for (size_t i = 0; i < e->nasked; i++)
		if (e->asked[i].index == index)
			return &e->asked[i];
	for (size_t i = 0; i < e->ngiven; i++)
		if (e->given[i].index == index)
			return e->given[i].base ? NULL : &e->given[i];
	return NULL;
}

enum match { MATCH_NO, MATCH_YES, MATCH_PERHAPS /* if it is the object's only one */ };

/* glibc's check_match, the name being the same. */
static enum match match(const struct scope *s, const struct definition *d,
			const struct elf_version *wanted)
{
	const struct table *t = &s->tables[d->object];
	const struct elf_version *given;
	uint16_t versym;

	if (!s->versions || !t->versions)
		return MATCH_YES;
	versym = t->versions[d->symbol];
	if (!wanted) {
		if ((versym & 0x7fff) < 3)
			return MATCH_YES;
		return versym & 0x8000 ? MATCH_NO : MATCH_PERHAPS;
	}
	given = version_of(t->elf, versym);
	if (given && given->hash == wanted->hash && strcmp(given->name, wanted->name) == 0)
		return MATCH_YES;
	return given || versym & 0x8000 || wanted->hidden ? MATCH_NO : MATCH_YES;
}

static bool is_defined(const struct scope *s, size_t object, size_t symbol,
		       const struct elf_version *wanted)
{
	const char *name = name_of(&s->tables[object], symbol);
	bool skip_own = s->tables[object].copied[symbol];
	size_t perhaps = 0, perhaps_in = SIZE_MAX;

	for (uint32_t i = s->buckets[hash(name) & (s->nbuckets - 1)]; i; i = s->items[i - 1].next) {
		const struct definition *d = &s->items[i - 1];
		enum match m;

		if ((skip_own && d->object == object) ||
		    strcmp(name_of(&s->tables[d->object], d->symbol), name) != 0)
			continue;
		if (d->object != perhaps_in && perhaps == 1)
			return true;
		if (d->object != perhaps_in)
			perhaps = 0;
		perhaps_in = d->object;
		m = match(s, d, wanted);
		if (m == MATCH_YES)
			return true;
		perhaps += m == MATCH_PERHAPS;
	}
	return perhaps == 1;
}

/* Whether the loader looks for it elsewhere, and fails where it finds nothing. */
static bool must_be_found(const struct table *t, size_t symbol)
{
	const Elf64_Sym *s = &t->symbols[symbol];

	if (!t->referred[symbol] || ELF64_ST_BIND(s->st_info) != STB_GLOBAL ||
	    ELF64_ST_VISIBILITY(s->st_other) != STV_DEFAULT)
		return false;
	return s->st_shndx == SHN_UNDEF || t->copied[symbol];
}

static int add(struct undefineds *u, const struct undefined *item, struct err *err)
{
	struct undefined *more;

	if ((u->count & (u->count - 1)) == 0) {
		more = reallocarray(u->items, u->count ? 2 * u->count : 1, sizeof *more);
		if (!more)
			return err_nomem(err);
		u->items = more;
	}
	u->items[u->count] = *item;
	u->items[u->count].name = strdup(item->name);
	if (!u->items[u->count].name)
		return err_nomem(err);
	u->count++;
	return 0;
}

static int undefined_of(const struct scope *s, size_t object, struct undefineds *out,
			struct err *err)
{
	const struct table *t = &s->tables[object];
	int r = 0;

	for (size_t k = 1; r == 0 && k < t->count && out->count < UNDEFINED_MAX; k++) {
		const struct elf_version *wanted = NULL;

		if (!must_be_found(t, k))
			continue;
		if (s->versions && t->versions)
			wanted = version_of(t->elf, t->versions[k]);
		if (is_defined(s, object, k, wanted))
			continue;
		r = add(out,
			&(struct undefined){object, (char *)name_of(t, k),
					    wanted ? wanted->name : NULL},
			err);
	}
	return r;
}

int symbols_undefined(const struct closure *c, struct undefineds *out, struct err *err)
{
	CLEANUP(scope_free) struct scope s = {.versions = c->loader == LOADER_GLIBC};
	int r = 0;

	*out = (struct undefineds){0};
	if (c->loader == LOADER_NONE || c->count == 0)
		return 0;
	s.tables = calloc(c->count, sizeof *s.tables);
	if (!s.tables)
		return err_nomem(err);
	/* A loader that nothing wanted comes last, and is no part of the scope. */
	for (; r == 0 && s.count < c->count && c->objects[s.count].wanted; s.count++)
		r = read_table(&c->objects[s.count], &s.tables[s.count], err);
	if (r == 0)
		r = index_definitions(&s, err);
	for (size_t i = 0; r == 0 && i < s.count; i++)
		r = undefined_of(&s, i, out, err);
	if (r < 0)
		undefineds_free(out);
	return r;
}
