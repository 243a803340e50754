#include "elf/default_dirs.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define LOADER_SIZE_MAX (16u << 20)

/* The length of "/lib/x86_64-linux-gnu/", which ends in a NUL; 0 if there is no such text. */
static size_t dir_length(const char *at, const char *end)
{
	const char *stop = memchr(at, '\0', (size_t)(end - at));
	size_t len = stop ? (size_t)(stop - at) : 0;

	if (len < 3 || len >= DEFAULT_DIR_SIZE || at[0] != '/' || at[len - 1] != '/')
		return 0;
	for (size_t i = 0; i < len; i++)
		if (at[i] <= ' ' || at[i] > '~')
			return 0;
	return len;
}

static size_t count_dirs(const char *at, const char *end)
{
	size_t n = 0, len;

	for (; at < end && (len = dir_length(at, end)) > 0; at += len + 1)
		n++;
	return n;
}

static int add_dirs(const char *at, size_t n, struct strings *out, struct err *err)
{
	int r = 0;

	for (; r == 0 && n > 0 && out->count < DEFAULT_DIRS_MAX; n--, at += strlen(at) + 1) {
		char dir[DEFAULT_DIR_SIZE];

		snprintf(dir, sizeof dir, "%.*s", (int)strlen(at) - 1, at);
		r = strings_add_once(out, dir, err);
	}
	return r;
}

int default_dirs_parse(int fd, struct strings *out, struct err *err)
{
	AUTO_FREE char *data = NULL;
	const char *end;
	size_t len;
	int r = file_read(fd, LOADER_SIZE_MAX, &data, &len, err);

	if (r < 0)
		return r;
	end = data + len;
	/* Two directories in a row are the list; one by itself is another string. */
	for (const char *p = data; p + 4 < end; p++) {
		size_t n;

		p = memmem(p, (size_t)(end - p), "\0/lib", 5);
		if (!p)
			return 0;
		n = count_dirs(p + 1, end);
		if (n >= 2)
			return add_dirs(p + 1, n, out, err);
	}
	return 0;
}
