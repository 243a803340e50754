#include "loader/ldcache.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define OLD_MAGIC "ld.so-1.7.0"
#define NEW_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_MAX (256u << 20)

/* The file, in the machine's byte order. */
struct old_header {
	char magic[sizeof OLD_MAGIC - 1];
	uint32_t nlibs;
};
struct old_entry {
	int32_t flags;
	uint32_t key, value; /* offsets from the end of the entries */
};
struct new_header {
	char magic[sizeof NEW_MAGIC - 1];
	uint32_t nlibs, len_strings;
	uint8_t flags, padding[3];
	uint32_t extension_offset, unused[3];
};
struct new_entry {
	int32_t flags;
	uint32_t key, value; /* offsets from the new header */
	uint32_t osversion;
	uint64_t hwcap;
};
/* At new_header.extension_offset: a header and sections, one of which names the hwcaps. */
#define EXTENSION_MAGIC 0xeaa42174
#define EXTENSION_HWCAPS 1
struct ldcache_extension {
	uint32_t magic, count;
};
struct ldcache_section {
	uint32_t tag, flags, offset, size;
};
_Static_assert(sizeof(struct old_header) == 16, "as glibc's cache_file");
_Static_assert(sizeof(struct old_entry) == 12, "as glibc's file_entry");
_Static_assert(sizeof(struct new_header) == 48, "as glibc's cache_file_new");
_Static_assert(sizeof(struct new_entry) == 24, "as glibc's file_entry_new");

static int damaged_cache(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "damaged loader cache: %s", what);
}

/* The flags give the byte order of the file; before glibc 2.33 they are 0. */
static bool is_foreign(uint8_t flags)
{
	const uint8_t mine = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 2 : 3;

	return (flags & 3) != 0 && (flags & 3) != mine;
}

/* An old-format header with the entries that it counts. The loader reads these only if no new
 * header follows. */
static bool has_old(const char *data, size_t len, struct old_header *header)
{
	if (len <= sizeof *header || memcmp(data, OLD_MAGIC, sizeof OLD_MAGIC - 1) != 0)
		return false;
	memcpy(header, data, sizeof *header);
	return header->nlibs <= (len - sizeof *header) / sizeof(struct old_entry);
}

static bool has_new(const char *data, size_t len, size_t start, struct new_header *header)
{
	if (start > len || len - start < sizeof *header)
		return false;
	memcpy(header, data + start, sizeof *header);
	return memcmp(header->magic, NEW_MAGIC, sizeof header->magic) == 0;
}

/* Strings are below PATH_MAX: entries can share one, and each is read to its end. */
static const char *string_at(const char *base, size_t len, uint32_t at)
{
	size_t max = at < len ? len - at : 0;

	return max && memchr(base + at, '\0', max < PATH_MAX ? max : PATH_MAX) ? base + at : NULL;
}

static int read_entries(const char *base, size_t len, const char *entries, size_t size, uint32_t n,
			struct ldcache *out, struct err *err)
{
	out->entries = calloc((size_t)n + 1, sizeof *out->entries);
	if (!out->entries)
		return err_nomem(err);
	for (uint32_t i = 0; i < n; i++) {
		struct ldcache_entry *e = &out->entries[i];
		struct new_entry raw = {0};

		memcpy(&raw, entries + i * size, size); /* the old one is its beginning */
		e->flags = raw.flags;
		e->hwcap = raw.hwcap;
		e->soname = string_at(base, len, raw.key);
		e->path = string_at(base, len, raw.value);
		if (!e->soname || !e->path)
			return damaged_cache(err, "a string out of range");
	}
	out->count = n;
	return 0;
}

/* The names of hwcaps: an extension section of the file (glibc 2.33 and later). The loader goes on
 * without a damaged one. */
static int read_hwcaps(const char *base, size_t len, uint32_t at, struct ldcache *out,
		       struct err *err)
{
	struct ldcache_extension header;
	struct ldcache_section s = {0};
	uint32_t i, n;

	if (at == 0 || at % 4 != 0 || at > len || len - at < sizeof header)
		return 0;
	memcpy(&header, base + at, sizeof header);
	n = header.magic == EXTENSION_MAGIC ? header.count : 0;
	if (n > (len - at - sizeof header) / sizeof s)
		return 0;
	for (i = 0; i < n; i++) {
		memcpy(&s, base + at + sizeof header + i * sizeof s, sizeof s);
		if (s.tag == EXTENSION_HWCAPS)
			break;
	}
	if (i == n || s.offset > len || s.size > len - s.offset)
		return 0;
	n = s.size / 4;
	out->hwcaps = calloc((size_t)n + 1, sizeof *out->hwcaps);
	if (!out->hwcaps)
		return err_nomem(err);
	for (i = 0; i < n; i++) {
		uint32_t name;

		memcpy(&name, base + s.offset + i * 4, 4);
		out->hwcaps[i] = string_at(base, len, name);
	}
	out->nhwcaps = n;
	return 0;
}

static int read_new(const char *base, size_t len, const struct new_header *header,
		    struct ldcache *out, struct err *err)
{
	int r;

	if (is_foreign(header->flags))
		return damaged_cache(err, "written for another byte order");
	if (header->nlibs > (len - sizeof *header) / sizeof(struct new_entry))
		return damaged_cache(err, "more entries than bytes");
	r = read_entries(base, len, base + sizeof *header, sizeof(struct new_entry), header->nlibs,
			 out, err);
	return r < 0 ? r : read_hwcaps(base, len, header->extension_offset, out, err);
}

int ldcache_parse(char *data, size_t len, struct ldcache *out, struct err *err)
{
	struct old_header old = {0};
	struct new_header new;
	bool is_old = has_old(data, len, &old);
	size_t entries = old.nlibs * sizeof(struct old_entry), strings = sizeof old + entries;
	size_t start = is_old ? (strings + 7) & ~(size_t)7 : 0; /* aligned as the entries */
	int r;

	*out = (struct ldcache){.data = data};
	if (has_new(data, len, start, &new))
		r = read_new(data + start, len - start, &new, out, err);
	else if (is_old)
		r = read_entries(data + strings, len - strings, data + sizeof old,
				 sizeof(struct old_entry), old.nlibs, out, err);
	else
		r = damaged_cache(err, "too short, or of an unknown format");
	if (r < 0)
		ldcache_free(out);
	return r;
}

int ldcache_read(const char *path, struct ldcache *out, struct err *err)
{
	char *data;
	size_t len;
	int r;

	*out = (struct ldcache){0};
	r = file_read_at(AT_FDCWD, path, CACHE_MAX, &data, &len, err);
	return r < 0 ? r : ldcache_parse(data, len, out, err);
}

void ldcache_free(struct ldcache *cache)
{
	free(cache->entries);
	free(cache->hwcaps);
	free(cache->data);
	*cache = (struct ldcache){0};
}

/* -- looking up -- */

/* A number of a soname. Its value wraps, as glibc's does. */
static unsigned int parse_number(const char **p)
{
	unsigned int n = 0;

	while (**p >= '0' && **p <= '9')
		n = n * 10 + (unsigned int)(*(*p)++ - '0');
	return n;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* glibc's _dl_cache_libcmp, by which ldconfig sorts: runs of digits compare as numbers. */
static int compare_sonames(const char *a, const char *b)
{
	while (*a) {
		if (is_digit(*a) && is_digit(*b)) {
			unsigned int m = parse_number(&a), n = parse_number(&b);

			if (m != n)
				return (int)(m - n);
		} else if (is_digit(*a) || is_digit(*b)) {
			return is_digit(*a) ? 1 : -1;
		} else if (*a != *b) {
			return *a - *b;
		} else {
			a++;
			b++;
		}
	}
	return *a - *b;
}

#define HWCAP_NAMED (UINT64_C(1) << 62 >> 42)
#define HWCAP_LEVEL(hwcap) ((hwcap) >> 32 & 0x3ff)

static bool is_named(const struct ldcache_entry *e)
{
	return e->hwcap >> 42 == HWCAP_NAMED;
}

/* The place of an entry's hwcap among those of the processor; nhwcaps if it is none of them. The level
 * is the library's own mark: 0 any x86-64, 1 x86-64-v2, ... */
static size_t rank(const struct ldcache *c, const struct ldcache_entry *e,
		   const struct ldcache_wish *w)
{
	uint32_t index = (uint32_t)e->hwcap;
	size_t i = 0;

	if (index >= c->nhwcaps || !c->hwcaps[index] || HWCAP_LEVEL(e->hwcap) > w->nhwcaps)
		return w->nhwcaps;
	while (i < w->nhwcaps && strcmp(w->hwcaps[i], c->hwcaps[index]) != 0)
		i++;
	return i;
}

static const struct ldcache_entry *best_entry(const struct ldcache *c, size_t i, const char *soname,
					      const struct ldcache_wish *w)
{
	const struct ldcache_entry *best = NULL;
	size_t best_rank = w->nhwcaps;

	for (; i < c->count && compare_sonames(soname, c->entries[i].soname) == 0; i++) {
		const struct ldcache_entry *e = &c->entries[i];

		/* 1: ldconfig does not know the library's architecture. */
		if (e->flags != 1 && e->flags != w->flags)
			continue;
		if (is_named(e)) {
			size_t r = rank(c, e, w);

			if (r < best_rank) {
				best = e;
				best_rank = r;
			}
			continue;
		}
		if (best)
			break;
		if (e->hwcap & ~w->bits)
			continue;
		best = e;
		if (e->flags == w->flags)
			break;
	}
	return best;
}

const struct ldcache_entry *ldcache_find(const struct ldcache *c, const char *soname,
					 const struct ldcache_wish *wish)
{
	size_t left = 0, right = c->count;

	while (left < right) {
		size_t middle = left + (right - left) / 2;
		int order = compare_sonames(soname, c->entries[middle].soname);

		if (order == 0) {
			while (middle > 0 &&
			       compare_sonames(soname, c->entries[middle - 1].soname) == 0)
				middle--;
			return best_entry(c, middle, soname, wish);
		}
		/* Sorted downwards. */
		if (order < 0)
			left = middle + 1;
		else
			right = middle;
	}
	return NULL;
}
