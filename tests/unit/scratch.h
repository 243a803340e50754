/* A scratch directory for a test, and its files. Failures here end the program. */
#pragma once

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static char scratch[PATH_MAX / 2]; /* canonical */
static struct err err;

static inline void scratch_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char name[PATH_MAX / 4];

	snprintf(name, sizeof name, "%s/test-XXXXXX", tmp ? tmp : "/tmp");
	MUST(mkdtemp(name) && realpath(name, scratch));
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

static inline char *get_file(const char *path, size_t *len)
{
	char *data = NULL;

	MUST(file_read_at(AT_FDCWD, path, (size_t)1 << 28, &data, len, &err) == 0);
	return data;
}
