/*
 * What was read of ELF files, kept from one scan to the next: an SQLite database of path, device,
 * inode, size, mtime and ctime -> facts. It is a cache and nothing else: it can be deleted at any
 * time, and whatever is wrong with it (damaged, another program's, not writable, somebody else's)
 * means that files are read again, never an error.
 *
 * A row holds only for a file with just these six values. One that was changed so lately that it
 * could be changed again without any of them changing (timestamps come in ticks) is not kept, as
 * with git's "racily clean" entries. Each row has a checksum, for damage.
 *
 * Root's is PINLIB_INDEX, believed only if root alone can have written it, and the files that it
 * speaks of too (scan.c); anybody else's is their
 * own: $XDG_CACHE_HOME/pinlib/index.db or ~/.cache/pinlib/index.db.
 */
#pragma once

#include "loader/scan.h"

#include <sys/stat.h>

#define PINLIB_INDEX "/var/cache/pinlib/index.db"

struct index;

/* NULL if there is none that can be used. */
struct index *index_open(void);
struct index *index_open_at(const char *path);
/* Writes what was noted, and frees. Several can do so at once; who has to wait too long does
 * without. */
void index_close(struct index **index);
#define AUTO_INDEX CLEANUP(index_close)

/* True if it knew of nothing when it was opened: nothing need be asked of it. */
bool index_is_empty(const struct index *index);

/* True and the facts of the regular file that path leads to, if it is just the one that was read
 * (without the numbers of names, which are the scan's). */
bool index_get(struct index *index, const char *path, const struct stat *st, struct elf_info *out);

/* Notes what was read. before and after are what the file was when its reading began and when it
 * had ended, began the time of the beginning. */
void index_note(struct index *index, const char *path, const struct stat *before,
		const struct stat *after, const struct timespec *began,
		const struct elf_info *facts);

/* How many facts came from it, and how many were noted. */
void index_counts(const struct index *index, size_t *known, size_t *noted);
