#include "upgrade/watched.h"

#include "base/cleanup.h"
#include "base/lines.h"
#include "base/paths.h"

#define WATCHED_MAX (16u << 20)

int watched_read(struct strings *out, struct err *err)
{
	return lines_read(PINLIB_WATCHED, WATCHED_MAX, out, err);
}

int watched_write(const struct strings *paths, struct err *err)
{
	AUTO_STRINGS struct strings sorted = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->count; i++)
		r = strings_add_once(&sorted, paths->items[i], err);
	strings_sort(&sorted);
	return r < 0 ? r : lines_publish(PINLIB_WATCHED, &sorted, 0644, err);
}
