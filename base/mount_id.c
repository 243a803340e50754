#include "base/mount_id.h"

#include <errno.h>
#include <linux/fcntl.h> /* this and the next not beside libc's own, which say the same in other words */
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A mask of 0: FUSE answers EACCES to whoever asks for anything and is not its user, while the
 * number of the mount is the kernel's own and comes unasked. */
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
