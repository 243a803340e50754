#include "upgrade/unrefreshed.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"

#include <fcntl.h>
#include <string.h>

#define UNREFRESHED_MAX (256u << 20)

int unrefreshed_read(struct strings *out, bool *all, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, PINLIB_UNREFRESHED, UNREFRESHED_MAX, &text, &len, err);

	*all = access(PINLIB_REFRESH_DUE, F_OK) == 0;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = strings_add(out, line, err);
	return r;
}

static int remove_file(const char *path, struct err *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", path);
	return 0;
}

int unrefreshed_write(const struct strings *apps, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return err_nomem(err);
	for (size_t i = 0; i < apps->count; i++)
		fprintf(f, "%s\n", apps->items[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return len ? file_publish(AT_FDCWD, PINLIB_UNREFRESHED, text, len, 0644, err)
		   : remove_file(PINLIB_UNREFRESHED, err);
}

int unrefreshed_begun(struct err *err)
{
	return remove_file(PINLIB_REFRESH_DUE, err);
}
