#include "labeler/ldcache.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#define OLD_MAGIC "ld.so-1.7.0"
#define NEW_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_MAX (256u << 20)

/* As on the disk, in the machine's byte order. */
struct old_header {
	char magic[sizeof OLD_MAGIC - 1];
	uint32_t nlibs;
};
struct old_entry {
	int32_t flags;
	uint32_t key, value;
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
_Static_assert(sizeof(struct new_header) == 48, "as glibc's cache_file_new");
_Static_assert(sizeof(struct new_entry) == 24, "as glibc's file_entry_new");

static int damaged(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "damaged loader cache: %s", what);
}

/* The header says in which byte order it was written, or (0, before glibc 2.33) nothing. */
static bool is_foreign(uint8_t flags)
{
	const uint8_t mine = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 2 : 3;

	return (flags & 3) != 0 && (flags & 3) != mine;
}

/* Past the old format's part, where there is one; the new header is aligned as its entries. */
static size_t new_start(const char *data, size_t len)
{
	struct old_header old;
	size_t entries;

	if (len < sizeof old || memcmp(data, OLD_MAGIC, sizeof OLD_MAGIC - 1) != 0)
		return 0;
	memcpy(&old, data, sizeof old);
	entries = (size_t)old.nlibs * sizeof(struct old_entry);
	return (sizeof old + entries + 7) & ~(size_t)7;
}

static const char *string(const char *base, size_t len, uint32_t at)
{
	return at < len && memchr(base + at, '\0', len - at) ? base + at : NULL;
}

static int read_entries(const char *base, size_t len, uint32_t n, struct ldcache *out,
			struct err *err)
{
	out->entries = calloc((size_t)n + 1, sizeof *out->entries);
	if (!out->entries)
		return err_nomem(err);
	for (uint32_t i = 0; i < n; i++) {
		struct ldcache_entry *e = &out->entries[i];
		struct new_entry raw;

		memcpy(&raw, base + sizeof(struct new_header) + (size_t)i * sizeof raw, sizeof raw);
		e->flags = raw.flags;
		e->hwcap = raw.hwcap;
		e->soname = string(base, len, raw.key);
		e->path = string(base, len, raw.value);
		if (!e->soname || !e->path)
			return damaged(err, "a string out of range");
	}
	out->count = n;
	return 0;
}

int ldcache_parse(char *data, size_t len, struct ldcache *out, struct err *err)
{
	struct new_header header;
	size_t start = new_start(data, len);
	int r;

	*out = (struct ldcache){.data = data};
	if (start > len || len - start < sizeof header) {
		ldcache_free(out);
		return damaged(err, "too short");
	}
	memcpy(&header, data + start, sizeof header);
	if (memcmp(header.magic, NEW_MAGIC, sizeof header.magic) != 0)
		r = damaged(err, "unknown format");
	else if (is_foreign(header.flags))
		r = damaged(err, "written for another byte order");
	else if (header.nlibs > (len - start - sizeof header) / sizeof(struct new_entry))
		r = damaged(err, "more entries than bytes");
	else
		r = read_entries(data + start, len - start, header.nlibs, out, err);
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
	free(cache->data);
	*cache = (struct ldcache){0};
}
