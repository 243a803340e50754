/* The loader's cache, /etc/ld.so.cache: format "glibc-ld.so.cache1.1" (glibc's
 * elf/cache.c and dl-cache.h), also behind an old-format header. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct ldcache_entry {
	const char *soname;
	const char *path;
	int32_t flags;	/* kind of library: FLAG_ELF_LIBC6 and the required architecture */
	uint64_t hwcap; /* 0: for every processor; else only for some */
};

struct ldcache {
	char *data; /* what the entries point into */
	struct ldcache_entry *entries;
	size_t count;
	const char **hwcaps; /* names that entries' hwcap can mean: "x86-64-v3" */
	size_t nhwcaps;
};

/* For whom a library is looked up. */
struct ldcache_wish {
	int flags;		   /* of the entries for such programs: 0x303 for x86-64 */
	uint64_t bits;		   /* hwcaps_bits */
	const char *const *hwcaps; /* "x86-64-v3", ...: those that the processor has, best first */
	size_t nhwcaps;
};

/* The entry that the loader takes for a soname (glibc's _dl_load_cache_lookup: by halving, as its
 * ldconfig sorts them; among an entry's variants the one for the best of wish->hwcaps, which
 * come first in the file; then the first whose bits the processor has), or NULL. If that one's file
 * is not usable, the loader tries no other of the cache. */
const struct ldcache_entry *ldcache_find(const struct ldcache *cache, const char *soname,
					 const struct ldcache_wish *wish);

/* -ENOENT if there is none, -EBADMSG if it is damaged: both leave out empty and are no reason to
 * give up (the loader goes on without it). */
int ldcache_read(const char *path, struct ldcache *out, struct err *err);
int ldcache_parse(char *data, size_t len, struct ldcache *out, struct err *err); /* takes data */
void ldcache_free(struct ldcache *cache);
#define AUTO_LDCACHE CLEANUP(ldcache_free)
