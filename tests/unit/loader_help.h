/* For the tests of labeler/: a scratch directory as the working directory, small files, commands.
 * Failures here end the program. */
#pragma once

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[PATH_MAX / 2];
static struct err err;

static inline void scratch_make(void)
{
	char name[] = "/tmp/labeler-test-XXXXXX";

	MUST(mkdtemp(name) && realpath(name, scratch) && chdir(scratch) == 0);
}

static inline void scratch_remove(void)
{
	MUST(chdir("/") == 0 && file_remove_tree(AT_FDCWD, scratch, &err) == 0);
}

/* A path in the scratch directory; good until the eighth next call. */
static inline const char *in(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", scratch, name);
	return path;
}

static inline void put_text(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	MUST(fd >= 0 && file_write(fd, text, strlen(text), &err) == 0);
}

static inline char *get_file(const char *path, size_t *len)
{
	char *data = NULL;

	MUST(file_read_at(AT_FDCWD, path, (size_t)1 << 28, &data, len, &err) == 0);
	return data;
}

/* A shell command that has to work. */
__attribute__((format(printf, 1, 2))) static inline void sh(const char *fmt, ...)
{
	AUTO_FREE char *command = NULL;
	va_list ap;

	va_start(ap, fmt);
	MUST(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	if (system(command) != 0) {
		fprintf(stderr, "cannot go on: %.500s\n", command);
		exit(2);
	}
}

/* The same numbers in every run. */
static inline uint32_t next_random(void)
{
	static uint64_t state = 20240229;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

/* A regular file that only we have. */
static inline int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("labeler-test", MFD_CLOEXEC);

	MUST(fd >= 0 && file_write(fd, data, len, &err) == 0);
	return fd;
}
