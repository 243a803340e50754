/*
 * The view of an app, ready for a service: systemd binds it in the service's namespace. `pinlib
 * stage` builds it from the current plan when the service starts, as root, before systemd confines
 * the service, in the mount namespace of the service manager. PINLIB_UNITS is a private mount, so
 * mounts below it do not propagate.
 *
 *	PINLIB_UNITS/UNIT/N       an overlay over the N-th directory of the unit's drop-in
 *	                          (host/unit.h): a directory that the plan covers, or the program's
 *	PINLIB_UNITS/.UNIT        the same while it is built or removed
 *
 * The view is built in a mount namespace of the building process, by the code and at the paths of a
 * launch, and comes from there as descriptors. In the service manager's namespace nothing is
 * mounted but on these directories, which only root can reach.
 *
 * The program is mounted on an empty file in a layer (a tmpfs) over its directory. A mount on its
 * path in the live directory would keep unset from renaming the path while the service runs.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define UNIT_VIEW_DIRS_MAX 65 /* the covers of a plan, and the program's directory */

/* Enters the mount namespace of the service manager: even a command with full privileges starts in
 * the service's, where the view of the last start is bound. */
int unit_view_enter(struct err *err);

/* Builds the view of app, and replaces that of the last start; dirs are the directories that the
 * drop-in binds. Under policy_lock, so that the layers stay. If the app has no plan, *pinned is
 * false and there is no view: the service sees the live system. -ESTALE: the drop-in that systemd
 * has read does not bind all directories that the plan covers; -ENOTSUP: the app has a system-call
 * filter, which only the wrapper loads. */
int unit_view_build(const char *unit, const char *app, const char *const *dirs, size_t ndirs,
		    bool *pinned, struct err *err);

/* Removes the view; processes that run in it keep it. No view is no error. */
int unit_view_clear(const char *unit, struct err *err);
