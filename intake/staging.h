/*
 * Import: what a source holds becomes staged entries, then objects and a manifest.
 *
 * A source calls the staging_ functions for each file, directory and link that it has, in any
 * order, parents needed or not. They alone decide what may come in: sources hand on what they
 * found, trusted or not.
 */
#pragma once

#include "base/parser.h"
#include "intake/options.h"
#include "store/object.h"
#include "store/version.h"

#include <sys/stat.h>

/* Limits; beyond them -EFBIG. */
#define INTAKE_MAX_MEMBERS 200000
#define INTAKE_MAX_CONTENT (UINT64_C(8) << 30) /* bytes of all files */
#define INTAKE_MAX_PATHS ((size_t)64 << 20)    /* bytes of all paths and link targets */
#define INTAKE_MAX_STREAM (UINT64_C(10) << 30) /* bytes of an unpacked archive, its headers too */
#define INTAKE_MAX_CONTROL ((size_t)1 << 20)   /* bytes of a package's control file */
#define INTAKE_MAX_DEPTH 128		       /* directories within directories, of a tree */
/* Bytes of a file that were never written. Some linkers leave a few; more is a file whose size means nothing. */
#define INTAKE_MAX_HOLES ((off_t)16 << 20)
/* What an add leaves free on the store's file system: one part in so many, and so many bytes at most. */
#define INTAKE_SPARE_PART 50
#define INTAKE_SPARE_MOST (UINT64_C(256) << 20)

struct staging {
	const struct store *store;
	const struct intake_options *options;
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
int staging_begin(const struct store *store, const struct intake_options *options,
		  struct staging *s, struct err *err);
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
int staging_check_readable(const struct stat *st, const char *path, struct err *err);

/* -EPERM if fd has extended attributes that give rights or steer overlayfs. */
int staging_check_xattrs(int fd, struct err *err);
