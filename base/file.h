/* Files: bounded reads, complete writes, and files that are replaced by rename. Error texts of calls that take only a
 * descriptor do not name the file: wrap them. */
#pragma once

#include "base/err.h"
#include "base/strings.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Reads fd to its end; -EFBIG if that is more than max bytes. The caller frees *data, which has a NUL after its *len
 * bytes. Works on pipes. */
int file_read(int fd, size_t max, char **data, size_t *len, struct err *err);

/* Opens path (relative to dirfd), which must be a regular file, and reads it as file_read does. */
int file_read_at(int dirfd, const char *path, size_t max, char **data, size_t *len,
		 struct err *err);

/* The paths of the files *.conf in dir, in the order of their names; *paths is empty before. A missing directory has
 * none. */
int file_list_conf(const char *dir, struct strings *paths, struct err *err);

/* Opens path (relative to dirfd) as a stream for reading; NULL with errno. */
FILE *file_stream_at(int dirfd, const char *path);

/* Reads size bytes from offset at, or fewer where the file ends; returns their number, or a negative errno. */
ssize_t file_read_part(int fd, void *buf, size_t size, off_t at, struct err *err);

/* Writes all bytes, through EINTR and short writes. */
int file_write(int fd, const void *data, size_t len, struct err *err);

#define FILE_TEMP ".tmp-" /* how the temporary names of file_publish begin */

/* Creates the file name, without fsync(2); the umask does not apply. -EEXIST. */
int file_create(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		struct err *err);

/* Replaces path (relative to dirfd) by a file with these bytes and this mode, or leaves it as it was: a temporary
 * name in the same directory, O_EXCL, fsync(2), rename(2), fsync(2) of the directory. */
int file_publish(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		 struct err *err);

/* mkdir -p, with mode 0755 whatever the umask; calls fsync(2) on the parent of each new directory. */
int file_mkdirs(const char *path, struct err *err);

/* fsync(2) of the directory that holds path. */
int file_sync_parent(int dirfd, const char *path, struct err *err);

/* Calls each with every name in the directory except "." and "..", until it returns non-zero; returns that. The position
 * of dir stays. */
typedef int each_name_fn(void *ctx, int dir, const char *name, struct err *err);
int file_each_name(int dir, each_name_fn *each, void *ctx, struct err *err);

/* rm -r of a name below dirfd, without following links; a missing name is no error. Makes directories writable where
 * it must. */
int file_remove_tree(int dirfd, const char *name, struct err *err);

/* Removes from the directory path the temporary files of interrupted file_publish calls, and nothing else. A missing
 * directory is no error. */
int file_sweep(const char *path, struct err *err);

/* A name for a temporary file: prefix and 16 random hexadecimal digits. */
int file_temp_name(const char *prefix, char *buf, size_t size, struct err *err);
