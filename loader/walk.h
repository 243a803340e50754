/* The walk from a program over all that the loader loads for it, breadth first, in the loader's
 * order (glibc's elf/dl-deps.c; musl's ldso/dynlink.c, load_deps). An object that answers to a name,
 * because it was loaded under it or has it as its soname, ends the search for that name; a file is
 * never loaded twice. */
#pragma once

#include "loader/search.h"

struct load_walk {
	struct search search; /* has the objects, in the order of loading */
	/* By the numbers of the file cache's names: the object that answers to it plus 1; 0: none. */
	uint32_t *named;
	size_t nnamed;
	size_t *scope; /* numbers of objects, in the order of the global scope */
	size_t nscope;
	const char *script; /* a script that led to the program; NULL */
	size_t loader;	    /* its object; CLOSURE_NONE: it does not exist */
	size_t nneeds;	    /* of all objects */
};

/* no_cwd: leave out relative paths. The caller clears *walk, after an error too. */
int walk_program(struct load_walk *walk, struct ldview *view, const char *program,
		 const char *library_path, bool no_cwd, struct err *err);
void walk_clear(struct load_walk *walk);

/* The object that answers to a name; CLOSURE_NONE if none does. */
size_t walk_object_named(const struct load_walk *walk, size_t name);

/* Sorts the objects, and renumbers them and gaps, from the order of loading to that of the scope. The
 * loader comes last if nothing needs it. Then the walk is good for nothing but its objects. */
int walk_sort(struct load_walk *walk, struct gap *gaps, size_t ngaps, struct err *err);
