/* The loader's cache, /etc/ld.so.cache (ldconfig(8)), in each of its formats (glibc's
 * sysdeps/generic/dl-cache.h, elf/cache.c, elf/dl-cache.c): "glibc-ld.so.cache1.1", alone (new) or
 * behind the old format (compat), and the old format "ld.so-1.7.0" alone, which knows no hwcaps. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct ldcache_entry {
	const char *soname;
	const char *path;
	int32_t flags;	/* FLAG_ELF_LIBC6 and the architecture: 0x303 is x86-64 */
	uint64_t hwcap; /* 0: for every processor */
};

struct ldcache {
	char *data; /* has the strings */
	struct ldcache_entry *entries;
	size_t count;
	const char **hwcaps; /* the names that hwcap numbers: "x86-64-v3" */
	size_t nhwcaps;
};

/* The program and the processor that a library is looked up for. */
struct ldcache_wish {
	int flags;		   /* of entries for such programs */
	uint64_t bits;		   /* hwcaps_bits */
	const char *const *hwcaps; /* "x86-64-v3": of the processor, best first */
	size_t nhwcaps;
};

/* The entry that the loader takes for a soname (glibc's _dl_load_cache_lookup), or NULL. The search is
 * binary, in the order of ldconfig. Among the variants of a soname the loader takes the one for the
 * best of wish->hwcaps, which come first in the file, else the first whose bits the processor has. If
 * the file of that entry is unusable, the loader tries no other entry. */
const struct ldcache_entry *ldcache_find(const struct ldcache *cache, const char *soname,
					 const struct ldcache_wish *wish);

/* -ENOENT: no cache; -EBADMSG: a damaged one. Both leave *out empty: the loader goes on without. */
int ldcache_read(const char *path, struct ldcache *out, struct err *err);
int ldcache_parse(char *data, size_t len, struct ldcache *out, struct err *err); /* takes data */
void ldcache_free(struct ldcache *cache);
#define AUTO_LDCACHE CLEANUP(ldcache_free)
