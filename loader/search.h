/*
 * The search for one need, by the rules of its loader. glibc's (ld.so(8); elf/dl-load.c,
 * _dl_map_object; elf/dl-cache.c), in this order:
 *
 *	a name with a '/'	is a path: no search
 *	DT_RPATH		of the object, then of the one that brought it in, and so on up to
 *				the program; none of them if the object has a DT_RUNPATH
 *	LD_LIBRARY_PATH
 *	DT_RUNPATH		of the object alone
 *	ld.so.cache		the best entry for this processor; not if the object has
 *				DF_1_NODEFLIB and the entry is in a default directory
 *	default directories	not with DF_1_NODEFLIB
 *
 * In each directory the hwcaps subdirectories come first. The loader passes over a file of another
 * class or machine, and fails at a file that is not ELF.
 *
 * musl's (ldso/dynlink.c, load_library): LD_LIBRARY_PATH; the DT_RUNPATH, or else DT_RPATH, of the
 * object and of all that brought it in; its one path.
 */
#pragma once

#include "loader/searchpath.h"

struct object_paths {
	struct searchpath rpath, runpath;
};

struct search {
	struct search_context context;
	/* The objects loaded so far, and their search paths. */
	struct object *objects;
	struct object_paths *paths;
	size_t count;
	struct searchpath library_path;	 /* LD_LIBRARY_PATH */
	const struct cached_path *found; /* by the last search that returned 1 */
};

/* Adds an object: its number, with everything but path still to be filled. The objects may move. */
int search_add_object(struct search *search, const char *path, size_t *number, struct err *err);
/* A caller that has taken the objects sets search->objects to NULL first. */
void search_clear(struct search *search);

/* Searches for a need of an object; name is the number of need->name. 1: found; need->path and the
 * members beside it are filled, need->broken too if the loader fails at the file. 0: not found. */
int search_need(struct search *search, size_t object, size_t name, struct need *need,
		struct err *err);
/* Sets need->hint if there is no ld.so.cache, but ld.so.conf names a directory that has the file. */
int search_hint(struct search *search, struct need *need, struct err *err);
