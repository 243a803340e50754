#include "change/pending.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/paths.h"

#include <fcntl.h>

#define PENDING PINLIB_STATE "/pending"
#define PENDING_MAX (256u << 20)

int pending_read(struct strings *out, struct err *err)
{
	return lines_read(PENDING, PENDING_MAX, out, err);
}

static const struct strings none;

static int write_list(const struct strings *others, const struct strings *without,
		      const struct strings *ours, struct err *err)
{
	AUTO_STRINGS struct strings list = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < others->count; i++)
		if (!strings_have(without, others->items[i]))
			r = strings_add(&list, others->items[i], err);
	for (size_t i = 0; r == 0 && i < ours->count; i++)
		r = strings_add(&list, ours->items[i], err);
	return r < 0 ? r : lines_publish(PENDING, &list, 0600, err);
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
