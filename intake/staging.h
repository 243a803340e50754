/*
 * Staging: the entries of a version that is being added, and their contents below ROOT/tmp.
 *
 * A source calls these functions for each of its files, directories and links, in any order, with or
 * without their parents. Sources check nothing: these functions alone decide which entries may come
 * into the store.
 */
#pragma once

#include "base/parser.h"
#include "intake/options.h"
#include "provenance/provenance.h"
#include "store/object.h"
#include "store/version.h"

#include <sys/stat.h>

/* Limits; beyond them -EFBIG. */
#define INTAKE_MAX_MEMBERS 200000
#define INTAKE_MAX_CONTENT (UINT64_C(8) << 30) /* bytes of all files */
#define INTAKE_MAX_PATHS ((size_t)64 << 20)    /* bytes of all paths and link targets */
#define INTAKE_MAX_NEIGHBOURS 2000 /* .deb files of a directory whose relations are read */
#define INTAKE_MAX_DEPTH 128	   /* directories within directories, of a tree */
/* Bytes in the holes of a file. Some linkers leave a few; more means a file whose size means nothing.
 */
#define INTAKE_MAX_HOLES ((off_t)16 << 20)
/* An add leaves one part in so many of the store's file system free, and so many bytes at most. */
#define INTAKE_SPARE_PART 50
#define INTAKE_SPARE_MOST (UINT64_C(256) << 20)

struct staging {
	const struct store *store;
	const struct intake_options *options;
	char dir_name[64]; /* below ROOT/tmp */
	int dir;
	struct entry **items; /* in the order they came */
	size_t count;
	void *by_path; /* tsearch(3) tree of items */
	uint64_t content;
	size_t members, paths;
	/* The version's labels from the source; "" where it has none. */
	char name[256], version[256], arch[32];
	char *source;		/* the path that was read, links resolved; NULL: none */
	char source_field[512]; /* of a package's control file, foreign text; "": none */
	struct provenance provenance;
	char *unverified; /* why apt did not verify its download, a clause; NULL: it did, or it is no download */
	struct parser elf;		     /* reads their sonames; started for the first one */
	char elf_arch[32], elf_example[256]; /* of the ELF files so far, and one of them */
	bool elf_mixed;
	bool glibc_only; /* ELF files that need musl are refused */
};

#define STAGING_NONE ((struct staging){.dir = -1, .elf = PARSER_NONE})
#define AUTO_STAGING CLEANUP(staging_end)
int staging_begin(const struct store *store, const struct intake_options *options,
		  struct staging *s, struct err *err);
void staging_end(struct staging *s); /* removes what was not published */

/* member: "usr/lib/x" or "./usr/lib/x", as the source has it. mode: its permission bits there. time:
 * seconds since 1970; the nearest that a version can have is kept. */
int staging_dir(struct staging *s, const char *member, int64_t time, struct err *err);
int staging_link(struct staging *s, const char *member, const char *target, struct err *err);
/* Whether a file may come in, before its content is read. -ENOSPC: it would fill the store's file
 * system. */
int staging_check_file(struct staging *s, const char *member, mode_t mode, uint64_t size,
		       struct err *err);
/* Adds a file with w's content. w was begun in s->dir; this ends it, also after an error. */
int staging_file(struct staging *s, const char *member, mode_t mode, int64_t time,
		 struct object_writer *w, struct err *err);
/* Adds a regular file that is open for reading, from its start, with its mode and time. -EFBIG: it grew meanwhile, or is
 * sparse. */
int staging_file_fd(struct staging *s, const char *member, int fd, struct err *err);
/* A hard link to earlier, a member that came before, and whose time it has. */
int staging_hard(struct staging *s, const char *member, mode_t mode, const char *earlier,
		 struct err *err);

/* Sets a label ("name", "version", "architecture": what) if its form is right; else -EINVAL. */
int staging_label(struct staging *s, const char *what, const char *value, struct err *err);

/* Sets s->arch to that of the ELF files, "all" without any. -EINVAL: they differ. */
int staging_arch(struct staging *s, struct err *err);

/* Takes ELF_MUSL from the name of an ELF file's architecture. -EPERM: the source has no business with musl. */
int staging_check_libc(const struct staging *s, const char *path, char arch[256], struct err *err);

/* -EPERM if the file with this st is not readable for everybody, or the directory not readable and
 * searchable, because everybody can read the store. */
int staging_check_readable(const struct stat *st, const char *path, struct err *err);

/* -EPERM if fd has extended attributes that give rights or steer overlayfs. */
int staging_check_xattrs(int fd, struct err *err);
