/* One view as loaders see it: its files, its loaders, its ld.so.cache and ld.so.conf. Closures of
 * many programs share one. It owns everything that it hands out. */
#pragma once

#include "base/strings.h"
#include "loader/filecache.h"
#include "loader/ldcache.h"
#include "loader/loader.h"

struct ldview;

/* sysroot, which must live as long, may be NULL for the live system. */
int ldview_new(const struct sysroot *sysroot, struct ldview **out, struct err *err);
void ldview_free(struct ldview **view);
#define AUTO_LDVIEW CLEANUP(ldview_free)

struct filecache *ldview_files(struct ldview *view);

/* The loader of a program: PT_INTERP's, or the usual one of such programs. */
int ldview_loader(struct ldview *view, const struct elf *program, const struct loader **out,
		  struct err *err);

/* The view's /etc/ld.so.cache, with no entries if it has none. *why (may be NULL) gets the reason
 * for that, else NULL. */
const struct ldcache *ldview_cache(struct ldview *view, const char **why);
/* The path that the loader takes from the cache for a soname, given by its number in the file cache;
 * NULL without one. */
const char *ldview_cached(struct ldview *view, const struct loader *loader, size_t soname);

/* The directories of /etc/ld.so.conf and the files that it includes. ldconfig reads them, the loader
 * does not. */
int ldview_conf_dirs(struct ldview *view, const struct strings **out, struct err *err);
