/*
 * The stage: where an app's view stands ready for a service, so that systemd can show it to what
 * the service starts. It is made when the service starts, by a root that systemd has not confined
 * yet, in the mount namespace of the service manager, from the plan as it is then. PINLIB_UNITS is
 * a mount of its own that takes part in no propagation: what is mounted below it is seen there
 * alone.
 *
 *	PINLIB_UNITS/UNIT/N       an overlay over the N-th directory of the unit's drop-in
 *	                          (host/unit.h): one that the plan covers, or the program's
 *	PINLIB_UNITS/.UNIT        the same while it is made, or taken away
 *
 * It is built in a mount namespace of the building process's own, by the code and at the paths of a
 * launch, and comes from there by descriptors: nothing is mounted in the service manager's namespace but
 * on the directories above, which nobody else can reach.
 *
 * The program is mounted on an empty file of a layer over its directory, a tmpfs. On its path in the
 * live directory a mount would keep the path from being renamed, as unset does, for as long as the
 * service runs.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define UNIT_VIEW_DIRS_MAX 65 /* a plan's covers and the directory of the program */

/* Into the mount namespace of the service manager: systemd gives one of the service's even to
 * commands with full privileges, what of the stage it finds bound in it. */
int unit_view_enter(struct err *err);

/* Puts the view of app there, in the place of what the last start left; dirs are those that the
 * drop-in binds. Under policy_lock: the layers must not go meanwhile. *pinned is false, and nothing
 * is there, if the app has no plan: the service sees the live system. -ESTALE: the drop-in that
 * systemd knows does not bind all that the plan covers; -ENOTSUP: the app has a system-call filter,
 * which only the wrapper loads. */
int unit_view_build(const char *unit, const char *app, const char *const *dirs, size_t ndirs,
		    bool *pinned, struct err *err);

/* Takes it away; what runs in it keeps it. Nothing there is no error. */
int unit_view_clear(const char *unit, struct err *err);
