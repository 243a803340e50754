#include "labeler/enter.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/overlay.h"

#include <fcntl.h>
#include <sched.h>

int enter_private(struct err *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID,
		.propagation = MS_PROPAGATION_SLAVE,
	};

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot make a mount namespace");
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "cannot make the mounts private");
	return 0;
}

int lay_sight(const struct sight *sight, struct err *err)
{
	AUTO_FD int real = -1;
	int r = 0;

	if (sight->real) {
		real = mount_pick_up(sight->real, 0, err);
		r = real < 0 ? real : 0;
	}
	if (r == 0 && sight->ncovers)
		r = covers_lay(sight->covers, sight->ncovers, sight->label, err);
	return r < 0 || real < 0 ? r : mount_put_down(real, sight->app, err);
}

int enter_sight(const struct sight *sight, struct err *err)
{
	int r = enter_private(err);

	return r < 0 ? r : lay_sight(sight, err);
}
