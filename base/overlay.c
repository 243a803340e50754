#include "base/overlay.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/mount_id.h"
#include "base/paths.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define CLONE_OF (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW)
#define PUT_DOWN_TRIES 16
#define OPTIONS_MAX 4096 /* with the NUL: copy_mount_options in the kernel's fs/namespace.c */
#define SOURCE_MAX 256

/* Of mount(2)'s options, which are one string of a page at most. */
struct options {
	size_t used;
	bool overflow;
	char text[OPTIONS_MAX];
};

static void put(struct options *o, const char *s, size_t len)
{
	o->overflow |= len >= sizeof o->text - o->used;
	if (o->overflow)
		return;
	memcpy(o->text + o->used, s, len);
	o->used += len;
}

/* A path in a list of layers: ':' parts them, ',' parts options, and a backslash takes a
 * character's meaning away (Documentation/filesystems/overlayfs.rst, "Multiple lower layers"). */
static void put_path(struct options *o, const char *path)
{
	for (const char *p = path; *p; p++) {
		if (*p == ':' || *p == ',' || *p == '\\')
			put(o, "\\", 1);
		put(o, p, 1);
	}
}

/* A layer or a live directory with overlay attributes must not redirect a look-up; and nothing that
 * needs an upper layer is wanted. */
static const char fixed[] = ",redirect_dir=nofollow,metacopy=off,index=off,xino=off";

int overlay_cover(const char *target, const char *layer, const char *label, struct err *err)
{
	static struct options options; /* static: a wrapper's stack is the smaller, the faster */
	unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV;
	char source[SOURCE_MAX];
	struct statvfs live;
	uint64_t before;

	/* The administrator's noexec holds for the live files under it too. */
	if (statvfs(target, &live) < 0)
		return err_sys(err, errno, "cannot cover %s", target);
	if (live.f_flag & ST_NOEXEC)
		flags |= MS_NOEXEC;
	options.used = 0;
	options.overflow = false;
	put(&options, "lowerdir=", strlen("lowerdir="));
	put_path(&options, layer);
	put(&options, ":", 1);
	put_path(&options, target);
	put(&options, fixed, sizeof fixed - 1);
	if (options.overflow)
		return err_sys(err, ENAMETOOLONG, "cannot cover %s", target);
	options.text[options.used] = '\0';
	snprintf(source, sizeof source, "%s%s", PINLIB_SOURCE, label);
	before = mount_id_at(target, 0);
	if (sys_mount(source, target, "overlay", flags, options.text) < 0)
		return err_sys(err, errno, "cannot cover %s (the kernel's log may say more)",
			       target);
	if (mount_id_at(target, 0) == before)
		return err_set(err, EPERM, "%s was covered and is not", target);
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
