#include "upgrade/watched.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define WATCHED_MAX (16u << 20)

int watched_read(struct strings *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, PINLIB_WATCHED, WATCHED_MAX, &text, &len, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = strings_add(out, line, err);
	return r;
}

int watched_write(struct strings *paths, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return err_nomem(err);
	strings_sort(paths);
	for (size_t i = 0; i < paths->count; i++)
		if (i == 0 || strcmp(paths->items[i], paths->items[i - 1]) != 0)
			fprintf(f, "%s\n", paths->items[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return file_publish(AT_FDCWD, PINLIB_WATCHED, text, len, 0644, err);
}
