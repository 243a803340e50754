/* The parts that the parsers of archives share. A parser runs in a child and ends at the first error:
 * unpack_fail, unpack_damaged and unpack_emit then jump to its end. */
#pragma once

#include "base/digest.h"
#include "unpack/frame.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name of a file whose content comes later (unpack/rpm.c). */
struct unpack_twin {
	struct unpack_twin *next;
	int64_t ino, time;
	uint32_t mode;
	char name[];
};

/* Three readers in a row, each fed by the one before: the outer archive, ar or tar, the
 * decompressor of one of its members, the tar archive in that. The middle one is drained at the end
 * of the tar, so that the compressor's checksums are checked to the last byte. */
struct unpack {
	int out;
	jmp_buf end; /* where unpack_fail() and unpack_emit() go, never from what libarchive calls */
	struct archive *ar, *raw, *tar;
	char *control;	     /* its text */
	bool only_control;   /* all fields of struct control are wanted, and no members */
	bool cpio;	     /* the inner archive is cpio, not tar */
	bool any_name;	     /* members whose names are not UTF-8 are left out, not refused */
	bool sha_inner;	     /* sha is of the bytes that the decompressor gives */
	const char *triplet; /* libraries move to its directory (unpack_place); NULL: none do */
	struct digest_stream *sha; /* NULL, or the hash of the member's bytes in the archive */
	char *held[4];		   /* texts, freed at the end */
	size_t nheld;
	struct unpack_twin *twins; /* freed at the end */
	char reason[256];	   /* of the first reader that failed */
	int errnum;		   /* 0: damaged */
	char pending[64 * 1024];   /* frames, until it is full: small ones travel together */
	size_t npending;
	uint64_t stream; /* bytes that were decompressed */
	/* libarchive does not check gzip's checksum (RFC 1952): whether this member is gzip's, the
	 * CRC of its content, and its last 8 bytes. */
	bool gzip;
	uint32_t crc;
	unsigned char tail[8];
};

/* A fuzzer could not get past the first digest. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define UNPACK_COMPARE_DIGESTS false
#else
#define UNPACK_COMPARE_DIGESTS true
#endif

void unpack_emit(struct unpack *u, struct frame f, const char *path, const char *target);
void unpack_flush(struct unpack *u);
void unpack_fail(struct unpack *u, int errnum, const char *member, const char *why)
	__attribute__((noreturn));
void unpack_damaged(struct unpack *u, struct archive *a) __attribute__((noreturn));

/* Frees the text at the end. */
void unpack_hold(struct unpack *u, char *text);

struct archive *unpack_reader(struct unpack *u);

/* Reads the current member of u->ar as a tar archive, compressed or not: unpack_next gives its
 * members one by one, NULL at the end; unpack_close checks the end. */
void unpack_open(struct unpack *u);
struct archive_entry *unpack_next(struct unpack *u, const char **name);
void unpack_close(struct unpack *u);

/* Writes the frames of the current member of u->tar: the member; or the fields of a control file. */
void unpack_member(struct unpack *u, struct archive_entry *e, const char *name);
void unpack_control(struct unpack *u);
/* Writes it as a regular file with this path, whatever its header calls it. */
void unpack_file(struct unpack *u, struct archive_entry *e, const char *path);
/* The same after the first bytes of the content were read. */
void unpack_file_after(struct unpack *u, struct archive_entry *e, const char *path,
		       const void *head, size_t len);
/* Fails if the member has attributes that may not come in. */
void unpack_check(struct unpack *u, struct archive_entry *e, const char *name);
/* The text of the current member, until the next call. */
char *unpack_text(struct unpack *u);

#define UNPACK_PATH (FRAME_TEXT_MAX + 128)

/* Where the member has to be for Debian's loader (DESIGN.md, foreign-directories), and the target of the link at that
 * place. The result is the argument, or out. */
const char *unpack_place(const struct unpack *u, const char *member, char out[UNPACK_PATH]);
const char *unpack_place_target(const struct unpack *u, const char *link, const char *target,
				char out[UNPACK_PATH]);
/* Whether a name is a shared object's: "libz.so", "libz.so.1", "ld-linux.so.2". */
bool unpack_is_library(const char *base);

/* Sends the label as a field: "Architecture" by Debian's name, which also sets u->triplet; "Version" in characters that
 * dpkg accepts, ordered as before. */
void unpack_label(struct unpack *u, const char *field, const char *value);

/* Runs read in the calling process: unconfined; or confined, and then it does not return. */
typedef void unpack_fn(struct unpack *u, int archive, const void *ctx);
void unpack_run(unpack_fn *read, const void *ctx, int archive, int out);
void unpack_confined(unpack_fn *read, const void *ctx, int archive, int out)
	__attribute__((noreturn));
