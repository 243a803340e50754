/*
 * A copy of the mount tree for one program: overlays cover all files that it could write (ephemeral/scratch.h).
 *
 *	a directory tree      an overlay over it, with the flags of the live mount, nosuid and nodev
 *	/proc                 itself
 *	/dev, /run, /sys      themselves, read-only: sockets and devices work there on a read-only mount, too
 *	anything else         itself, read-only, if overlayfs cannot cover it: a file that is a mount, a FAT file system
 *
 * In a user namespace overlayfs covers no directory that has inherited mounts below it, as / has: the kernel must not
 * reveal the files under these mounts. A directory on a tmpfs then takes its place. It has a mount for each
 * subdirectory and each file, and is itself read-only.
 *
 * Each live directory is opened once, without links, and mounted by descriptors, so no user can exchange it.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "ephemeral/scratch.h"

/* Moves the process, which has a mount namespace of its own and CAP_SYS_ADMIN there, into the copy; its working
 * directory is the one of the same path. wanted are paths near which an ordinary user's program will probably write: in a user namespace
 * overlayfs cannot copy a directory of another user, so a writable directory below one needs an overlay of its own.
 * Elsewhere the program gets EOVERFLOW below such directories. readonly gets a sentence for each directory that the caller could have
 * written and that is now read-only. After an error the process must end. -EPERM: the kernel mounts no overlay here. */
int tree_enter(struct scratch *scratch, const struct strings *wanted, struct strings *readonly,
	       struct err *err);

/* Gives root's process a user namespace that maps all users to themselves. Then it cannot reach the live files by way
 * of other processes (/proc/PID/root), devices or unmounting, and no mount of the copy can be changed. */
int tree_seal(struct err *err);
