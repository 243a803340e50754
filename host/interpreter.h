/*
 * Scripts and their interpreters.
 *
 * The kernel starts a script's interpreter by its path, from inside the script's view. If that path
 * is wrapped, or env's, or that of a script on the way, the stub there leads to the interpreter's
 * view, and the script silently loses its pins. So the two may not both be wrapped, unless the
 * script has no pins.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"

/* -EEXIST: the policy now wraps such a pair, and one of the two is among changed. A pair whose
 * script was edited after it was wrapped does not stop other changes. */
int interpreter_check(struct policy *policy, struct store *store, const struct strings *changed,
		      struct err *err);

/* -EEXIST: app, one of apps, is a script with pins, and its interpreter is one of apps, too. */
int interpreter_check_app(struct store *store, const struct apps *apps, const struct app *app,
			  struct err *err);
