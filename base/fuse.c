#include "base/fuse.h"

#include "base/mount.h"
#include "base/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fuse_search {
	uint64_t id;
	bool found;
	unsigned long user; /* who mounted it; 0: root, or not FUSE */
};

/* "fuse", "fuseblk", "fuse.sshfs" */
static bool is_fuse(const char *type)
{
	return strncmp(type, "fuse", 4) == 0 &&
	       (!type[4] || type[4] == '.' || strcmp(type + 4, "blk") == 0);
}

static int check_mount(const struct mountinfo *m, void *ctx, struct err *err)
{
	static const char option[] = ",user_id=";
	struct fuse_search *w = ctx;
	const char *user = strstr(m->options, option);

	(void)err;
	if (m->id != w->id)
		return 0;
	w->found = true;
	if (is_fuse(m->type))
		w->user = user ? strtoul(user + sizeof option - 1, NULL, 10) : (unsigned long)-1;
	return 1;
}

int fuse_refuse_users(int fd, const char *path, uint64_t *known, struct err *err)
{
	struct fuse_search w = {0};
	int r = geteuid() == 0 ? mount_id(fd, "", AT_EMPTY_PATH, &w.id) : 1;

	if (r == 1 || (r == 0 && w.id == *known))
		return 0;
	if (r < 0)
		return err_sys(err, -r, "cannot tell which mount %s is on", path);
	r = mountinfo_each(check_mount, &w, err);
	if (r < 0)
		return r;
	if (w.user)
		return err_set(
			err, EPERM,
			"%s is on a FUSE file system of user %lu, for which root does not wait; "
			"copy it to another file system first",
			path, w.user);
	*known = w.id;
	return 0;
}
