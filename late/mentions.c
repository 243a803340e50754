#include "late/mentions.h"

#include "base/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int mentions_read(const char *path, struct mentions *out, struct err *err)
{
	return file_read_at(AT_FDCWD, path, MENTIONS_FILE_MAX, &out->data, &out->len, err);
}

void mentions_free(struct mentions *m)
{
	free(m->data);
	*m = (struct mentions){0};
}

const char *mentions_find(const struct mentions *m, const char *text, const char *after)
{
	const char *from = after ? after : m->data;

	return from ? memmem(from, m->len - (size_t)(from - m->data), text, strlen(text)) : NULL;
}

static bool is_symbol_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || c == '@';
}

bool mentions_symbol(const struct mentions *m, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = NULL; (at = mentions_find(m, name, at)); at++) {
		const char *start = at;

		if (at[len] != '\0') /* file_read_at puts a NUL after the last byte */
			continue;
		while (start > m->data && is_symbol_char(start[-1]))
			start--;
		if (start == m->data || start[-1] == '\0')
			return true;
	}
	return false;
}

static bool is_path_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && !strchr("\"'`:;=,<>|&()", c);
}

bool mentions_path(const struct mentions *m, const char *at, char path[PATH_MAX])
{
	const char *end = at, *limit = m->data + m->len;
	size_t len;

	while (at > m->data && is_path_char(at[-1]))
		at--;
	while (end < limit && is_path_char(*end))
		end++;
	len = (size_t)(end - at);
	if (len == 0 || len >= PATH_MAX || *at != '/')
		return false;
	memcpy(path, at, len);
	path[len] = '\0';
	return true;
}
