#include "base/mount.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/paths.h"

/* Instead of libc's <fcntl.h> and <sys/stat.h>, which define the same names differently. */
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <string.h>

#define CLONE_OF (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW)
#define PUT_DOWN_TRIES 16

/* The mask is 0: FUSE answers EACCES to any other mask from anybody but its user, while the kernel fills in the
 * mount's number unasked. */
int mount_look(int dirfd, const char *path, unsigned flags, struct mount_place *out)
{
	struct statx stx = {0};

	if (syscall(SYS_statx, dirfd, path, flags | AT_STATX_DONT_SYNC, 0, &stx) < 0)
		return -errno;
	if (!(stx.stx_mask & STATX_MNT_ID))
		return -EPERM;
	out->id = stx.stx_mnt_id;
	out->root = stx.stx_attributes_mask & stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return 0;
}

int mount_id(int dirfd, const char *path, unsigned flags, uint64_t *out)
{
	struct mount_place place;
	int r = mount_look(dirfd, path, flags, &place);

	if (r == 0)
		*out = place.id;
	return r;
}

uint64_t mount_id_at(const char *path, unsigned flags)
{
	uint64_t id;

	return mount_id(AT_FDCWD, path, flags, &id) == 0 ? id : MOUNT_ID_UNKNOWN;
}

bool mount_is_root(const char *path)
{
	struct mount_place place;

	return mount_look(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &place) == 0 && place.root;
}

int mount_pick_up(const char *path, unsigned flags, struct err *err)
{
	int fd = sys_open_tree(AT_FDCWD, path, CLONE_OF | flags);

	return fd < 0 ? err_sys(err, errno, "cannot copy the mount of %s", path) : fd;
}

bool mount_is_in_layers(const char *path)
{
	return strncmp(path, PINLIB_LAYERS "/", strlen(PINLIB_LAYERS) + 1) == 0;
}

int mount_pick_up_program(const char *path, struct err *err)
{
	const struct mount_attr in_layer = {
		.attr_set = MOUNT_ATTR_RDONLY,
		.attr_clr = MOUNT_ATTR_NOEXEC,
	};
	AUTO_FD int fd = mount_pick_up(path, 0, err);
	int done = fd;

	if (fd >= 0 && mount_is_in_layers(path) &&
	    sys_mount_setattr(fd, "", AT_EMPTY_PATH, &in_layer, sizeof in_layer) < 0)
		return err_sys(err, errno, "cannot set the attributes of %s", path);
	fd = -1;
	return done;
}

int mount_put_down(int fd, const char *path, struct err *err)
{
	/* ENOENT: a rename(2) by 'pinlib set' or 'pinlib unset' replaced path between the kernel's look-up and its
	 * mount. The next look-up finds the new file. */
	for (int tries = 0; sys_move_mount(fd, path) < 0; tries++)
		if (errno != ENOENT || tries == PUT_DOWN_TRIES)
			return err_sys(err, errno, "cannot mount on %s", path);
	return 0;
}
