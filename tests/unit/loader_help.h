/* For the tests of elf/, loader/, labeler/ and view/: a scratch directory as the working directory, small files, commands.
 * Failures here end the program. */
#pragma once

#include "loader/closure.h"
#include "tests/unit/scratch.h"

#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>

static inline void scratch_make(void)
{
	scratch_new();
	MUST(chdir(scratch) == 0);
}

static inline void put_text(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	MUST(fd >= 0 && file_write(fd, text, strlen(text), &err) == 0);
}

/* Runs a shell command, which must succeed. */
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

/* A regular file without a name. */
static inline int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("loader-test", MFD_CLOEXEC);

	MUST(fd >= 0 && file_write(fd, data, len, &err) == 0);
	return fd;
}

/* library_path is LD_LIBRARY_PATH's value, or NULL. */
static inline struct closure read_closure(const char *program, const struct sysroot *sysroot,
					  const char *library_path)
{
	struct closure c;

	MUST(closure_read(program, sysroot, library_path, 0, &c, &err) == 0);
	return c;
}
