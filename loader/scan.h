/*
 * Files that the labeler looked at, each read once: what a scan of many programs shares. A view and
 * its live system are taken to stand still while a scan lives; make another to look again.
 */
#pragma once

#include "base/strings.h"
#include "base/sysroot.h"
#include "elf/info.h"
#include "loader/intern.h"
#include "loader/ldcache.h"
#include "loader/loader.h"
#include "loader/program.h"

#include <sys/types.h>

/* What a path leads to. */
struct file {
	int error;		      /* 0 or a negative errno: it could not be opened */
	const struct elf_info *facts; /* NULL only after an error */
	const char *layer;	      /* of the sysroot's cover that it comes from; NULL: live */
};

#define SCAN_NONE SIZE_MAX

struct scan;

/* sysroot, which has to live as long, may be NULL. */
int scan_new(const struct sysroot *sysroot, struct scan **out, struct err *err);
void scan_free(struct scan **scan);
#define AUTO_SCAN CLEANUP(scan_free)

/* From here on facts come from the index where it has them, and are noted in it. It has to live as
 * long; NULL is none. */
struct index;
void scan_use_index(struct scan *scan, struct index *index);

const struct sysroot *scan_sysroot(const struct scan *scan);

/* All that is handed out is the scan's. Names are strings that are kept once, and have numbers. */
int scan_name(struct scan *scan, const char *string, size_t *number, struct err *err);
const char *scan_string(const struct scan *scan, size_t number);
/* The scan's own copy of a string. */
int scan_text(struct scan *scan, const char *string, const char **out, struct err *err);

/* -ENOMEM alone is an error; what is wrong with the file is in *out. Who reads it: readers.h. */
int scan_file(struct scan *scan, const char *path, const struct file **out, struct err *err);
/* Of a file whose place outside the view is known: a program. */
int scan_info(struct scan *scan, const char *file, const struct elf_info **out, struct err *err);
/* A program whose facts will be asked for: they may be read meanwhile. What is wrong with it is said
 * then. */
int scan_expect(struct scan *scan, const char *program, struct err *err);
int scan_expect_library(struct scan *scan, const char *path, struct err *err);
/* sysroot_resolve_program, by what is known already. */
struct resolved;
int scan_program(struct scan *scan, const char *path, struct resolved *out, struct err *err);
/* Whether a directory is there. */
int scan_dir(struct scan *scan, const char *path, bool *there, struct err *err);
/* The canonical path of what is there, and (may be NULL) where it lies outside the view. */
int scan_canonical(struct scan *scan, const char *path, const char **out, const char **file,
		   struct err *err);

/* The loader of a program: PT_INTERP's, or the one that programs of such a kind usually have. */
int scan_loader(struct scan *scan, const struct elf *program, const struct loader **out,
		struct err *err);
/* The view's /etc/ld.so.cache, or the entries of none. *why (may be NULL) gets the reason why there
 * is none. */
const struct ldcache *scan_cache(struct scan *scan, const char **why);
/* The directories of /etc/ld.so.conf, with what it includes: ldconfig's, not the loader's. */
int scan_configured(struct scan *scan, const struct strings **out, struct err *err);
/* What the loader takes from the cache for a name, by its number; NULL: it has nothing. */
const char *scan_cached(struct scan *scan, const struct loader *loader, size_t soname);

/* What a walk notes at a name: which of its objects answers to it. Good for the walk that wrote it
 * alone, by its number, and until the next name comes in. */
struct scan_mark {
	size_t walk, object;
};
struct scan_mark *scan_mark(struct scan *scan, size_t number);
size_t scan_walk(struct scan *scan); /* a new walk's number: not 0 */
