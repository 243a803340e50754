/*
 * The apps that refresh (upgrade/refresh.h) has still to look at:
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

/* Adds the left apps to out. *all: packages have changed. */
int unrefreshed_read(struct strings *out, bool *all, struct err *err);

/* Replaces the list; an empty one is removed. Under policy_lock. */
int unrefreshed_write(const struct strings *apps, struct err *err);
/* The list has all apps that packages' changes concern. Called before any app is looked at: packages
 * that change meanwhile make all of them due again. */
int unrefreshed_begun(struct err *err);
