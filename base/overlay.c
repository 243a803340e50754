#include "base/overlay.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/paths.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define CLONE_OF (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW)
#define PUT_DOWN_TRIES 16
#define FSCONFIG_VALUE_MAX 256 /* with the NUL: strndup_user in the kernel's fs/fsopen.c */

/* What the kernel has to say beyond errno: "e overlay: ..." lines, the first of which is taken. */
static int overlay_error(int fs, int errnum, const char *target, struct err *err)
{
	char log[256];
	ssize_t n = read(fs, log, sizeof log - 1);

	if (n > 2) {
		log[n] = '\0';
		log[strcspn(log, "\n")] = '\0';
		return err_sys(err, errnum, "cannot cover %s (%s)", target, log + 2);
	}
	return err_sys(err, errnum, "cannot cover %s", target);
}

static int set(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value) < 0 ? -errno : 0;
}

/* One layer a parameter, as Linux 6.7 and later take it: no character of a name is special. */
static int set_lowers(int fs, const char *layer, const char *target)
{
	int r = set(fs, "lowerdir+", layer);

	return r < 0 ? r : set(fs, "lowerdir+", target);
}

/* The older way has separators, so names that hold one are refused rather than misread. */
static int set_lowers_joined(int fs, const char *layer, const char *target)
{
	char both[FSCONFIG_VALUE_MAX];
	int n = snprintf(both, sizeof both, "%s:%s", layer, target);

	if (n < 0 || (size_t)n >= sizeof both)
		return -ENAMETOOLONG;
	if (strpbrk(target, ":,\\"))
		return -EINVAL;
	return set(fs, "lowerdir", both);
}

/* A file system context that holds the whole overlay, not yet mounted. Returns the descriptor. */
static int overlay_context(const char *target, const char *layer, const char *label, bool joined,
			   struct err *err)
{
	static const char *const options[][2] = {
		/* A layer or a live directory with overlay attributes must not redirect a look-up;
		 * and nothing that needs an upper layer is wanted. */
		{"redirect_dir", "nofollow"},
		{"metacopy", "off"},
		{"index", "off"},
		{"xino", "off"},
	};
	char source[FSCONFIG_VALUE_MAX];
	AUTO_FD int fs = sys_fsopen("overlay");
	int r, done;

	if (fs < 0)
		return err_sys(err, errno, "cannot use overlayfs");
	snprintf(source, sizeof source, "%s%s", PINLIB_SOURCE, label);
	r = set(fs, "source", source);
	if (r == 0)
		r = joined ? set_lowers_joined(fs, layer, target) : set_lowers(fs, layer, target);
	for (size_t i = 0; r == 0 && i < sizeof options / sizeof *options; i++)
		r = set(fs, options[i][0], options[i][1]);
	if (r == 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		r = -errno;
	if (r < 0)
		return overlay_error(fs, -r, target, err);
	done = fs;
	fs = -1;
	return done;
}

int overlay_cover(const char *target, const char *layer, const char *label, struct err *err)
{
	unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct statvfs live;
	AUTO_FD int fs = -1, mount = -1;

	/* The administrator's noexec holds for the live files under it too. */
	if (statvfs(target, &live) < 0)
		return err_sys(err, errno, "cannot cover %s", target);
	if (live.f_flag & ST_NOEXEC)
		attributes |= MOUNT_ATTR_NOEXEC;
	fs = overlay_context(target, layer, label, false, err);
	if (fs == -EINVAL)
		fs = overlay_context(target, layer, label, true, err);
	if (fs < 0)
		return fs;
	mount = sys_fsmount(fs, attributes);
	if (mount < 0)
		return overlay_error(fs, errno, target, err);
	if (sys_move_mount(mount, target) < 0)
		return err_sys(err, errno, "cannot cover %s", target);
	return 0;
}

int mount_pick_up(const char *path, unsigned flags, struct err *err)
{
	int fd = sys_open_tree(AT_FDCWD, path, CLONE_OF | flags);

	return fd < 0 ? err_sys(err, errno, "cannot take up %s", path) : fd;
}

int mount_put_down(int fd, const char *path, struct err *err)
{
	/* ENOENT: what lay at the path was replaced between the kernel's look-up and its mount, as
	 * 'pinlib set' and 'unset' do by rename(2). The next look-up finds what came. */
	for (int tries = 0; sys_move_mount(fd, path) < 0; tries++)
		if (errno != ENOENT || tries == PUT_DOWN_TRIES)
			return err_sys(err, errno, "cannot show %s", path);
	return 0;
}
