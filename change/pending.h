/*
 * The pending list, PINLIB_STATE/pending: the apps that a command is changing, a path a line.
 *
 * A command writes its apps there before it changes anything, and takes them off when the change is
 * complete. If the command dies, the next one finds the list and finishes the change
 * (change/recovery.h).
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"

/* Adds the paths on the list to out. No list is an empty one. */
int pending_read(struct strings *out, struct err *err);

/* Replaces the list: others without those in ours, then ours. ours may be NULL. An empty list is
 * removed. */
int pending_write(const struct strings *others, const struct strings *ours, struct err *err);

/* As pending_write, with none of ours. */
int pending_finish(const struct strings *others, const struct strings *ours, struct err *err);

/* Brings the directory of the list to the disk. */
int pending_sync(struct err *err);
