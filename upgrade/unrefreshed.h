/*
 * The apps that refresh (upgrade/refresh.h) still has to look at:
 *
 *	PINLIB_REFRESH_DUE   empty; packages have changed since the last refresh began: all apps.
 *			     dpkg's trigger makes it (debian/pinlib.postinst).
 *	PINLIB_UNREFRESHED   apps, a path a line, that a refresh which ended early has left
 *
 * dpkg's hook (upgrade/hooks.h) calls refresh if there is one of them.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"

#include <stdbool.h>

/* Adds the apps of the list to out. *all: packages have changed, so all apps are due. */
int unrefreshed_read(struct strings *out, bool *all, struct err *err);

/* Replaces the list; an empty one is removed. Under policy_lock. */
int unrefreshed_write(const struct strings *apps, struct err *err);
/* Removes PINLIB_REFRESH_DUE, when the list has all apps that were due, and before any of them is looked
 * at: packages that change meanwhile make all apps due again. */
int unrefreshed_begun(struct err *err);
