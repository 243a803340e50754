/*
 * The mounts that a view is made of: overlays by mount(2), directories and files by open_tree(2)
 * and move_mount(2) of Linux 5.2. Allocates nothing. CAP_SYS_ADMIN is effective in all of this, and
 * root alone decides where the paths lead (base/trust.h).
 */
#pragma once

#include "base/err.h"

/* Covers target, a directory, with an overlay: layer above, the live directory below, read-only,
 * nosuid, nodev. Its source field is PINLIB_SOURCE and label. */
int overlay_cover(const char *target, const char *layer, const char *label, struct err *err);

/* A mount of its own of what is at path, which is not followed if it is a link; with flags
 * AT_RECURSIVE_MOUNTS, of all that is mounted below it too. Returns the descriptor. */
int mount_pick_up(const char *path, unsigned flags, struct err *err);

/* Mounts it at path: on the link itself, if path is one. */
int mount_put_down(int fd, const char *path, struct err *err);
