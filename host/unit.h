/*
 * Services of systemd that run in an app's view although the wrapper cannot build it there: under
 * NoNewPrivileges=, an empty CapabilityBoundingSet=, or a SystemCallFilter= without mount calls.
 * systemd makes a mount namespace for such a service; a drop-in has it bind the view there, so no
 * setting of the unit is loosened:
 *
 *	ExecCondition=+pinlib stage %n APP DIR...    builds the view at each start, before all
 *	                                             other commands (host/unit_view.h)
 *	BindReadOnlyPaths=-PINLIB_UNITS/%n/N:DIR     each covered directory, and the program's own
 *	NoNewPrivileges=yes                          since nothing is setuid in a view
 *	ExecStopPost=+pinlib stage --end %n
 *
 * After a change of pins a restart of the service is enough. Only where the view covers another
 * directory does the drop-in change; units_update sees to it after every change. The drop-ins
 * themselves are the list of these services.
 */
#pragma once

#include "base/err.h"
#include "host/unit_file.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>

#define UNIT_DROP_IN "pinlib.conf" /* in PINLIB_UNIT_FILES/UNIT.d */

/* Whether the service can have a view at all: -EINVAL, with the reason. */
int unit_fit(const struct unit_file *unit, struct err *err);

/* The app among the programs that the service starts. -ENOENT: there is none; -EINVAL: there are
 * several, or unit_fit fails. The reason is in err. */
int unit_app(struct policy *policy, const struct unit_file *unit, char app[PATH_MAX],
	     struct err *err);

/* Whether the service starts the app, which is a canonical path. */
bool unit_starts(const struct unit_file *unit, const char *app);

/* The text of the drop-in, the caller's to free. -EINVAL: a path has characters with a meaning of
 * their own in a unit; -ENOTSUP: the app has a system-call filter, which only the wrapper loads. */
int unit_text(const char *app, const struct plan *plan, char **text, struct err *err);

/* The path of the drop-in. */
void unit_path(const char *unit, char out[PATH_MAX]);

/* Writes the drop-in. -EEXIST: somebody else's file has its name. */
int unit_write(const char *unit, const char *text, struct err *err);

/* Removes the drop-in, and the view that is ready. -ENOENT: pinlib has no drop-in there. */
int unit_remove(const char *unit, struct err *err);

/* Has systemd read its units again. 1; 0: systemd does not run here. */
int unit_reload(struct err *err);

struct unit_drop_in {
	char unit[NAME_MAX + 1];
	char app[PATH_MAX]; /* "" if the file does not say */
};
struct unit_drop_ins {
	struct unit_drop_in *items; /* sorted by unit */
	size_t count;
};
/* All drop-ins of pinlib. */
int units_list(struct unit_drop_ins *out, struct err *err);
void units_free(struct unit_drop_ins *drop_ins);
#define AUTO_UNITS CLEANUP(units_free)

/* Removes the temporary files that interrupted commands left beside the drop-ins. */
int units_sweep(struct err *err);

/* Whether the drop-in is up to date: 0, or a negative error with the reason. Changes nothing. */
int unit_check(struct policy *policy, const struct unit_drop_in *drop_in, struct err *err);

/* Brings all drop-ins, and systemd, to agree with the committed policy; a drop-in whose app has no
 * pins is removed. report gets a sentence for each change and each failure. Returns false after a
 * failure; the change of the policy remains, and the service's next start reports it again. */
bool units_update(struct policy *policy, report_fn *report, void *ctx);
