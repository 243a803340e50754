/*
 * Import: what a source holds becomes staged entries, then objects and a manifest.
 *
 * A source calls the staging_ functions for each file, directory and link that it has, in any
 * order, parents needed or not. They alone decide what may come in: sources hand on what they
 * found, trusted or not.
 */
#pragma once

#include "base/parser.h"
#include "store/object.h"
#include "store/store.h"

#include <sys/stat.h>

/* Limits; beyond them -EFBIG. */
#define IMPORT_MAX_MEMBERS 200000
#define IMPORT_MAX_CONTENT (UINT64_C(8) << 30) /* bytes of all files */
#define IMPORT_MAX_PATHS ((size_t)64 << 20)    /* bytes of all paths and link targets */
#define IMPORT_MAX_STREAM (UINT64_C(10) << 30) /* bytes of an unpacked archive, its headers too */
#define IMPORT_MAX_CONTROL ((size_t)1 << 20)   /* bytes of a package's control file */
#define IMPORT_MAX_DEPTH 128		       /* directories within directories, of a tree */
/* Bytes of a file that were never written. Some linkers leave a few; more is a file whose size means nothing. */
#define IMPORT_MAX_HOLES ((off_t)16 << 20)
/* What an add leaves free on the store's file system: one part in so many, and so many bytes at most. */
#define IMPORT_SPARE_PART 50
#define IMPORT_SPARE_MOST (UINT64_C(256) << 20)

#define STAGING_PREFIX "add-" /* how the names below ROOT/tmp begin */

struct staging {
	const struct store *store;
	const struct add_options *options;
	char dir_name[64]; /* below ROOT/tmp */
	int dir;
	struct entry **items; /* in the order they came */
	size_t count, room;
	void *by_path; /* tsearch(3) tree of items */
	uint64_t content;
	size_t members, paths;
	/* What the source says that it is; "" where it does not. */
	char name[256], version[256], arch[32];
	char *source;			     /* the path that was read, without links; NULL: none */
	struct parser elf;		     /* which is asked of them; started when it is needed */
	char elf_arch[32], elf_example[256]; /* of the ELF files so far, and one of them */
	bool elf_mixed;
};

#define STAGING_NONE ((struct staging){.dir = -1, .elf = PARSER_NONE})
#define AUTO_STAGING CLEANUP(staging_end)
int staging_begin(const struct store *store, const struct add_options *options, struct staging *s,
		  struct err *err);
void staging_end(struct staging *s); /* removes what was not published */

/* member: "usr/lib/x" or "./usr/lib/x", as the source says it. mode: permission bits as found. */
int staging_dir(struct staging *s, const char *member, struct err *err);
int staging_link(struct staging *s, const char *member, const char *target, struct err *err);
/* Whether a file may come in, before its content is read. -ENOSPC: the store's file system would be full. */
int staging_check_file(struct staging *s, const char *member, mode_t mode, uint64_t size,
		       struct err *err);
/* Takes the content; w was begun in s->dir and is finished on success and failure. */
int staging_file(struct staging *s, const char *member, mode_t mode, struct object_writer *w,
		 struct err *err);
/* All of a regular file that is open for reading, from its start. -EFBIG: it grew meanwhile, or is sparse. */
int staging_file_fd(struct staging *s, const char *member, int fd, struct err *err);
/* The same content as earlier, a file that came before. */
int staging_hard(struct staging *s, const char *member, mode_t mode, const char *earlier,
		 struct err *err);

/* Whether name or version as the source says them, cut, fits; -EINVAL names what. */
int staging_label(char *to, size_t size, const char *what, const char *value, struct err *err);

/* Debian's name of what the ELF files are for: -EINVAL if they differ, "all" if there are none. */
int staging_arch(struct staging *s, struct err *err);

/* -EPERM if not everybody may read a file, or list and search a directory, of which st is: the store is for all. */
int file_is_everybodys(const struct stat *st, const char *path, struct err *err);

/* -EPERM if fd has extended attributes that give rights or steer overlayfs. */
int xattrs_allowed(int fd, struct err *err);

/* Fills the staging from what ctx is. */
typedef int import_fn(struct staging *s, const void *ctx, struct err *err);

/* As store_add, of what read finds. source, NULL if it was none, is remembered. */
int import_add(struct store *store, import_fn *read, const void *ctx, const char *source,
	       const struct add_options *options, struct version *out, bool *known,
	       struct err *err);

/* The sources. Each takes what the user wrote after its prefix. */
int source_deb(struct staging *s, int fd, const char *path, struct err *err);
/* What an archive's parser says (intake/frame.h), all of it taken for hostile. */
int source_frames(struct staging *s, struct parser *parser, struct err *err);
int source_so(struct staging *s, int fd, const char *path, struct err *err);
int source_tree(struct staging *s, int fd, const char *path, struct err *err);
int source_dpkg(struct staging *s, const char *package, struct err *err);
int source_apt(struct staging *s, const char *package, struct err *err);
/* A .deb file, a shared object or a directory, whichever it is. */
int source_path(struct staging *s, const char *path, struct err *err);

/* "zlib1g", "zlib1g:amd64" or, where a version may follow, "zlib1g:amd64=1.2": -EINVAL if not. */
int check_package(const char *text, bool version, struct err *err);
