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
};

/* -ENOENT if there is none, -EBADMSG if it is damaged: both leave out empty and are no reason to
 * give up (the loader goes on without it). */
int ldcache_read(const char *path, struct ldcache *out, struct err *err);
int ldcache_parse(char *data, size_t len, struct ldcache *out, struct err *err); /* takes data */
void ldcache_free(struct ldcache *cache);
#define AUTO_LDCACHE CLEANUP(ldcache_free)
