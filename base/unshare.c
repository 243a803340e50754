#include "base/unshare.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/mount.h"

#include <fcntl.h>
#include <sched.h>

int unshare_private(struct err *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID,
		.propagation = MS_PROPAGATION_SLAVE,
	};

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot create a mount namespace");
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "cannot make the mounts private");
	return 0;
}

int unshare_lay(const struct sysroot *sysroot, struct err *err)
{
	AUTO_FD int real = -1;
	int r = 0;

	if (sysroot->real) {
		real = mount_pick_up_program(sysroot->real, err);
		r = real < 0 ? real : 0;
	}
	if (r == 0 && sysroot->ncovers)
		r = covers_lay(sysroot->covers, sysroot->ncovers, sysroot->label, err);
	return r < 0 || real < 0 ? r : mount_put_down(real, sysroot->app, err);
}

int unshare_sysroot(const struct sysroot *sysroot, struct err *err)
{
	int r = unshare_private(err);

	return r < 0 ? r : unshare_lay(sysroot, err);
}
