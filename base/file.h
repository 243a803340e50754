/* Files: whole reads with a limit, whole writes, publication by rename. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Reads all of fd, at most max bytes (more is -EFBIG). *data is the caller's to free, and has a
 * NUL after its *len bytes. Works on pipes. The text does not name the file: wrap it. */
int file_read(int fd, size_t max, char **data, size_t *len, struct err *err);

/* Opens path (relative to dirfd) read-only, regular files only, and reads it as file_read. */
int file_read_at(int dirfd, const char *path, size_t max, char **data, size_t *len,
		 struct err *err);

/* Writes all, through EINTR and short writes. */
int file_write(int fd, const void *data, size_t len, struct err *err);

#define FILE_TEMP ".tmp-" /* how file_publish's temporary names begin */

/* Makes path (relative to dirfd) hold just these bytes, with this mode, or leaves it as it was:
 * temporary name in the same directory, O_EXCL, fsync, rename, fsync of the directory. */
int file_publish(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		 struct err *err);

/* mkdir -p, mode 0755 whatever the umask; each new directory is fsynced into its parent. */
int file_mkdirs(const char *path, struct err *err);

/* fsync(2) of the directory that holds path. */
int file_sync_parent(int dirfd, const char *path, struct err *err);

/* rm -r below dirfd without following links; a missing name is no error. Changes directory modes
 * where it must. */
int file_remove_tree(int dirfd, const char *name, struct err *err);

/* Removes from the directory path what interrupted calls of file_publish left there, and nothing
 * else. There may be no such directory. */
int file_sweep(const char *path, struct err *err);

/* A name for a temporary file beside others: PREFIX and 16 random hexadecimal digits. */
int file_temp_name(const char *prefix, char *buf, size_t size, struct err *err);
