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

static int sort_paths(const struct strings *paths, struct strings *out, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->count; i++)
		r = strings_add(out, paths->items[i], err);
	strings_sort(out);
	return r;
}

int watched_write(const struct strings *paths, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_STRINGS struct strings sorted = {0};
	size_t len = 0;
	int r = sort_paths(paths, &sorted, err);
	FILE *f = r < 0 ? NULL : open_memstream(&text, &len);

	if (!f)
		return r < 0 ? r : err_nomem(err);
	for (size_t i = 0; i < sorted.count; i++)
		if (i == 0 || strcmp(sorted.items[i], sorted.items[i - 1]) != 0)
			fprintf(f, "%s\n", sorted.items[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return file_publish(AT_FDCWD, PINLIB_WATCHED, text, len, 0644, err);
}
