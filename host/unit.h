/*
 * Services of systemd in an app's view, where the wrapper cannot build it: under NoNewPrivileges=,
 * an empty CapabilityBoundingSet=, a SystemCallFilter= without mount calls. A drop-in has systemd
 * show the view in the namespace that it makes for the service anyway, so nothing of the unit is
 * loosened:
 *
 *	ExecCondition=+pinlib stage %n APP DIR...    at each start, before all else: the view of the
 *	                                             plan as it is then (host/unit_view.h)
 *	BindReadOnlyPaths=-PINLIB_UNITS/%n/N:DIR     what is covered, and the program's directory
 *	NoNewPrivileges=yes                          as nothing is setuid in any view
 *	ExecStopPost=+pinlib stage --end %n
 *
 * So a pin that changes needs nothing of systemd but a restart of the service. Only when another
 * directory comes to be covered has the drop-in to change: units_follow, after every change.
 * The drop-ins are their own list.
 */
#pragma once

#include "base/err.h"
#include "host/unit_file.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>

#define UNIT_DROP_IN "pinlib.conf" /* in PINLIB_UNIT_FILES/UNIT.d */

/* Whether the service can be given a view at all: -EINVAL, with the reason. */
int unit_fit(const struct unit_file *unit, struct err *err);

/* Which of the programs that the service starts is an app. -ENOENT: none; -EINVAL: more than one,
 * or the service cannot be given a view. The reason is in err. */
int unit_app(struct policy *policy, const struct unit_file *unit, char app[PATH_MAX],
	     struct err *err);

/* The drop-in; *text is the caller's to free. -EINVAL: a path that cannot be named in a unit;
 * -ENOTSUP: the app has a system-call filter, which only the wrapper loads. */
int unit_text(const char *app, const struct plan *plan, char **text, struct err *err);

/* Where it is. */
void unit_path(const char *unit, char out[PATH_MAX]);

/* Writes it; another's file of that name is refused (-EEXIST). */
int unit_write(const char *unit, const char *text, struct err *err);

/* Removes it, and the stage. -ENOENT: there is none of ours. */
int unit_remove(const char *unit, struct err *err);

/* Has systemd, if it runs here, read its units again: 1, or 0 if it does not run. */
int unit_reload(struct err *err);

struct unit_drop_in {
	char unit[NAME_MAX + 1];
	char app[PATH_MAX]; /* "" if the file does not say */
};
struct unit_drop_ins {
	struct unit_drop_in *items; /* sorted by unit */
	size_t count;
};
/* All drop-ins of ours. */
int units_list(struct unit_drop_ins *out, struct err *err);
void units_free(struct unit_drop_ins *drop_ins);
#define AUTO_UNITS CLEANUP(units_free)

/* Removes the temporary files that interrupted commands have left beside them. */
int units_sweep(struct err *err);

/* What is wrong with one: 0 if nothing, else the negative error; it changes nothing. */
int unit_check(struct policy *policy, const struct unit_drop_in *drop_in, struct err *err);

/* Brings them to what the committed policy says, and systemd with them: a drop-in whose app has no
 * pins goes. Tells of what changed, and of what it could not change, and is false then: that takes
 * no change back, since the service's next start notices. */
bool units_follow(struct policy *policy, report_fn *report, void *ctx);
