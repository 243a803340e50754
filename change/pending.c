#include "change/pending.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PENDING PINLIB_STATE "/pending"
#define PENDING_MAX (256u << 20)

int pending_read(struct strings *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, PENDING, PENDING_MAX, &text, &len, err);

	if (r == -ENOENT)
		return 0;
	for (char *line = text, *end; r == 0 && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		r = strings_add(out, line, err);
	}
	return r;
}

static int remove_list(struct err *err)
{
	if (unlink(PENDING) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", PENDING);
	return 0;
}

static const struct strings none;

static int write_list(const struct strings *others, const struct strings *without,
		      const struct strings *ours, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return err_nomem(err);
	for (size_t i = 0; i < others->count; i++)
		if (!strings_have(without, others->items[i]))
			fprintf(f, "%s\n", others->items[i]);
	for (size_t i = 0; i < ours->count; i++)
		fprintf(f, "%s\n", ours->items[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return len ? file_publish(AT_FDCWD, PENDING, text, len, 0600, err) : remove_list(err);
}

int pending_write(const struct strings *others, const struct strings *ours, struct err *err)
{
	return write_list(others, ours ? ours : &none, ours ? ours : &none, err);
}

int pending_finish(const struct strings *others, const struct strings *ours, struct err *err)
{
	return write_list(others, ours, &none, err);
}

int pending_sync(struct err *err)
{
	return file_sync_parent(AT_FDCWD, PENDING, err);
}
