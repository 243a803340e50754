#include "store/root.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>

int root_each_name(int dir, each_name_fn *each, void *ctx, struct err *err)
{
	/* Opens the directory anew, so that the caller's position stays. */
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
