/* System calls for which musl has no functions: the mount API of Linux 5.2, openat2(2) of 5.6, mount_setattr(2) of
 * 5.12, capget(2) and capset(2). The constants come from the kernel's headers. */
#pragma once

#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT_RECURSIVE_MOUNTS 0x8000	  /* AT_RECURSIVE, which older <fcntl.h> lack */
#define MS_PROPAGATION_PRIVATE (1u << 18) /* MS_PRIVATE */
#define MS_PROPAGATION_SLAVE (1u << 19)	  /* MS_SLAVE */
#define UMOUNT_DETACH 2			  /* MNT_DETACH */
#define UMOUNT_NO_LINK 8		  /* UMOUNT_NOFOLLOW */
#define UMOUNT_IF_EXPIRED 4		  /* MNT_EXPIRE */

#define ST_VALID 0x20 /* statfs(2): f_flags is filled in */

static inline int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

static inline int sys_move_mount(int fd, const char *path)
{
	return (int)syscall(SYS_move_mount, fd, "", -100 /* AT_FDCWD */, path,
			    MOVE_MOUNT_F_EMPTY_PATH);
}

/* Attaches the mount fd at the file or directory that the descriptor place is. */
static inline int sys_move_mount_to(int fd, int place)
{
	return (int)syscall(SYS_move_mount, fd, "", place, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* Makes the private mount at path a peer of the mount at from_path, which is looked up from the descriptor from, or a
 * slave of the same master (Linux 5.15). Both paths are roots of mounts of one file system. */
static inline int sys_join_group(int from, const char *from_path, const char *path)
{
	return (int)syscall(SYS_move_mount, from, from_path, -100 /* AT_FDCWD */, path,
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_SET_GROUP);
}

static inline int sys_openat2(int dirfd, const char *path, unsigned flags, unsigned resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

/* Not every libc allows <sys/mount.h> and <linux/mount.h> in one file. */
static inline int sys_mount(const char *source, const char *target, const char *type,
			    unsigned long flags, const char *options)
{
	return (int)syscall(SYS_mount, source, target, type, flags, options);
}

static inline int sys_fsopen(const char *type)
{
	return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

static inline int sys_fsconfig(int fd, unsigned command, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fd, command, key, value, 0);
}

static inline int sys_fsmount(int fd, unsigned attributes)
{
	return (int)syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes);
}

static inline int sys_mount_setattr(int fd, const char *path, unsigned flags,
				    const struct mount_attr *attr, size_t size)
{
	/* A system-call filter sees six arguments, so the sixth has a fixed value; the kernel ignores it. */
	return (int)syscall(SYS_mount_setattr, fd, path, flags, attr, size, 0);
}

static inline int sys_umount(const char *path)
{
	return (int)syscall(SYS_umount2, path, UMOUNT_DETACH | UMOUNT_NO_LINK);
}

static inline int sys_umount_expired(const char *path)
{
	return (int)syscall(SYS_umount2, path, UMOUNT_IF_EXPIRED | UMOUNT_NO_LINK);
}
