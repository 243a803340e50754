#include "elf/ldso.h"

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

	if (len < 3 || len >= LDSO_DIR_SIZE || at[0] != '/' || at[len - 1] != '/')
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

	for (; r == 0 && n > 0 && out->count < LDSO_DIRS_MAX; n--, at += strlen(at) + 1) {
		char dir[LDSO_DIR_SIZE];

		snprintf(dir, sizeof dir, "%.*s", (int)strlen(at) - 1, at);
		r = strings_add_once(out, dir, err);
	}
	return r;
}

/* Two directories in a row are the list; one by itself is another string. */
static int find_dirs(const char *data, size_t len, struct strings *out, struct err *err)
{
	const char *end = data + len;

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

static bool has_text(const char *data, size_t len, const char *text)
{
	return memmem(data, len, text, strlen(text)) != NULL;
}

int ldso_parse(int fd, struct ldso_facts *out, struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t len;
	int r = file_read(fd, LOADER_SIZE_MAX, &data, &len, err);

	if (r < 0)
		return r;
	out->hwcaps = has_text(data, len, "glibc-hwcaps");
	/* From 2.33 to 2.36 a part of the output of --help. */
	out->legacy = !out->hwcaps || has_text(data, len, "Legacy HWCAP subdirectories");
	out->isa = has_text(data, len, "CPU ISA level is lower than required");
	return find_dirs(data, len, &out->dirs, err);
}

void ldso_clear(struct ldso_facts *facts)
{
	strings_free(&facts->dirs);
	*facts = (struct ldso_facts){0};
}
