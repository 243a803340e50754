/*
 * Records of sealed files: HOME/sealed/NAME for each file that `pinlib seal` wrote, where NAME is the SHA-256 of its path
 * and content: the record is there before the file, whatever was there before. Lines of a key, a tab and a value; the last
 * line is a checksum (store/checksum.h):
 *
 *	file	/home/ada/bin/curl
 *	content	SHA256HEX
 *	set	ID
 *	link	libz.so.1	SHA256HEX    a line for each name of the set
 *	version	SHA256HEX            a line for each version that it is sealed with
 *
 * As long as the file is there and sealed, gc keeps its set and its versions. (An app's plan stands for those of its sealed
 * file.)
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/strings.h"
#include "seal/home.h"
#include "seal/set.h"
#include "store/store.h"

#include <stdbool.h>

#define RECORD_IMAGE ".pinlib-seal-" /* how the temporary names of files begin */

struct seal_record {
	char *file; /* absolute; its directory was canonical when it was written */
	struct digest content;
	struct seal_set set;
	struct digests versions;
	bool gone;     /* there is no such file any more, or it is not sealed */
	bool replaced; /* another record is the file's */
};

struct seal_records {
	struct seal_record *items; /* sorted by path */
	size_t count;
};
void seal_records_free(struct seal_records *records);
#define AUTO_SEAL_RECORDS CLEANUP(seal_records_free)

/* Writes the record of a file, in place of an earlier one. */
int record_write(const struct home *home, const struct seal_record *record, struct err *err);

/* Reads all records; a damaged one is -EBADMSG, and err names it. No directory: none. */
int records_read(const struct home *home, struct seal_records *out, struct err *err);

/* Appends the sets and the versions of the files that are neither gone nor replaced. */
int records_needs(const struct seal_records *records, struct strings *sets,
		  struct digests *versions, struct err *err);

/* Notes the temporary name under which a file is about to be made, after the file of a note before was removed: the
 * command that wrote it was killed. HOME/sealed/.begun has the name. */
int record_begin(const struct home *home, const char *image, struct err *err);
void record_end(const struct home *home);

/* Removes the records of files that are gone or were replaced, and what killed commands left. */
int records_sweep(const struct home *home, const struct seal_records *records, struct err *err);
