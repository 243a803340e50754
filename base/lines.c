#include "base/lines.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int lines_read(const char *path, size_t max, struct strings *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, path, max, &text, &len, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = strings_add(out, line, err);
	return r;
}

int lines_publish(const char *path, const struct strings *list, mode_t mode, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (list->count == 0)
		return unlink(path) < 0 && errno != ENOENT
			       ? err_sys(err, errno, "cannot remove %s", path)
			       : 0;
	f = open_memstream(&text, &len);
	if (!f)
		return err_nomem(err);
	for (size_t i = 0; i < list->count; i++)
		fprintf(f, "%s\n", list->items[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return file_publish(AT_FDCWD, path, text, len, mode, err);
}
