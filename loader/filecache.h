/*
 * The files of one view, each looked up and read once: closures of many programs share most of
 * their libraries. Names, paths among them, are kept once and have numbers. The view and its live
 * system count as unchanged while the cache lives; make a new one to look again.
 *
 * The cache owns everything that it hands out.
 */
#pragma once

#include "base/sysroot.h"
#include "elf/info.h"
#include "elf/readers.h"

#include <sys/types.h>

#define FILECACHE_NONE SIZE_MAX /* no name */

/* A file, however many paths lead to it. */
struct cached_file {
	dev_t dev;
	ino_t ino;
	bool regular;
	struct elf_info info;
	/* Numbers of names: */
	size_t *needs;	       /* of each info.elf.needed */
	size_t *verneed_files; /* of the file of each info.elf.verneed */
	size_t soname;	       /* FILECACHE_NONE without one */
};

/* What a path of the view leads to. */
struct cached_path {
	int error;			/* 0 or a negative errno: it could not be opened */
	const struct cached_file *file; /* NULL after an error */
	const char *layer;		/* the sysroot's cover that has it; NULL: the live system */
	bool noexec;			/* its mount in the view is noexec */
};

struct filecache;

/* sysroot, which must live as long, may be NULL for the live system. */
int filecache_new(const struct sysroot *sysroot, struct filecache **out, struct err *err);
void filecache_free(struct filecache **cache);
#define AUTO_FILECACHE CLEANUP(filecache_free)

const struct sysroot *filecache_sysroot(const struct filecache *cache);
struct readers *filecache_readers(struct filecache *cache);

/* The number of a string, which is added if it is new, and the string of a number. */
int filecache_number(struct filecache *cache, const char *string, size_t *number, struct err *err);
const char *filecache_string(const struct filecache *cache, size_t number);
/* The cache's own copy of a string. */
int filecache_text(struct filecache *cache, const char *string, const char **out, struct err *err);

/* -ENOMEM is the only error; an error of the file is in *out. */
int filecache_path(struct filecache *cache, const char *path, const struct cached_path **out,
		   struct err *err);
/* A file by its path outside the view: a program. */
int filecache_file(struct filecache *cache, const char *file, const struct cached_file **out,
		   struct err *err);

/* Says that a program, or a library, will be asked for: confined readers can read it meanwhile. An
 * error of the file is reported when it is asked for. */
int filecache_expect(struct filecache *cache, const char *program, struct err *err);
int filecache_expect_library(struct filecache *cache, const char *path, struct err *err);

/* Resolves the path of a program. Of a wrapped program out gets the original, unless the view shows that already. */
int filecache_program(struct filecache *cache, const char *path, struct resolved *out,
		      struct err *err);
/* Whether a directory exists. */
int filecache_dir(struct filecache *cache, const char *path, bool *there, struct err *err);
/* The canonical path of an existing file, and (may be NULL) its path outside the view. */
int filecache_canonical(struct filecache *cache, const char *path, const char **out,
			const char **file, struct err *err);
