/* Sleeping apps: their pins stay in the policy and wait, because their programs cannot be wrapped now. */
#pragma once

#include "base/err.h"
#include "host/divert.h"
#include "policy/policy.h"
#include "store/store.h"

/* Whether the app, one of apps, sleeps. All commands ask this function, so that they agree:
 *
 *	its program is gone, a symbolic link or behind one, a directory, not executable, or
 *	privileged (wrap_fit), and no pinned version supplies it (policy/supply.h);
 *	it is a script, and its interpreter is wrapped (host/interpreter.h);
 *	it is not wrapped, and somebody diverts its path, or could write to its directory
 *	(wrap_allowed).
 *
 * Returns the errno of the reason (ELOOP: a link), with a sentence without a full stop in err; 0: it
 * does not sleep. store may be NULL: then less is known. says is for commands that ask about many
 * apps, of which it has the paths; NULL: dpkg is asked for this app alone. An ordinary user gets 0,
 * too, where they cannot reach the program. */
int asleep_find(struct store *store, const struct apps *apps, const struct app *app,
		struct dpkg_says *says, struct err *err);
