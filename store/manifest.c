#include "store/manifest.h"

#include "base/cleanup.h"
#include "store/object.h"

#include <fcntl.h>
#include <string.h>

int digest_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

int each_name(int dir, each_name_fn *each, void *ctx, struct err *err)
{
	/* A descriptor of its own: the caller's position stays. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		int r = err_sys(err, errno, "cannot read a directory");

		cleanup_fd(&fd);
		return r;
	}
	for (;;) {
		struct dirent *e;
		int r;

		errno = 0;
		e = readdir(d);
		if (!e)
			return errno ? err_sys(err, errno, "cannot read a directory") : 0;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = each(ctx, dirfd(d), e->d_name, err);
		if (r != 0)
			return r;
	}
}

struct names {
	struct digest *items;
	size_t count, room;
};

static int add_name(void *ctx, int dir, const char *name, struct err *err)
{
	struct names *names = ctx;
	struct digest digest;

	(void)dir;
	if (!digest_parse(name, &digest))
		return 0;
	if (names->count == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		struct digest *items = reallocarray(names->items, room, sizeof *items);

		if (!items)
			return err_nomem(err);
		names->items = items;
		names->room = room;
	}
	names->items[names->count++] = digest;
	return 0;
}

int manifest_names(const struct store *store, struct digest **out, size_t *n, struct err *err)
{
	struct names names = {0};
	int r = each_name(store->versions, add_name, &names, err);

	*out = NULL;
	*n = 0;
	if (r < 0) {
		free(names.items);
		return err_wrap(err, r, "cannot list the store's versions");
	}
	if (names.count > 1)
		qsort(names.items, names.count, sizeof *names.items, digest_order);
	*out = names.items;
	*n = names.count;
	return 0;
}
