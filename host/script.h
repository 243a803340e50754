/*
 * Scripts and their interpreters.
 *
 * A script's interpreter is started by the kernel, by its path, from inside the script's view. If a
 * wrapper stands at that path (or at env's, or at that of a script on the way) it builds the
 * interpreter's view, as for every wrapped program that a view starts, and the script's pins
 * are gone without a word. So the two are not wrapped at the same time, unless the script has no
 * pins to lose.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"

/* -EEXIST if the policy now wraps such a pair and one of the two is among changed. Pairs that an
 * earlier pinlib left are no reason to stop anything else. */
int script_check(struct policy *policy, const struct strings *changed, struct err *err);

/* -EEXIST if path is a script with pins, and the policy wraps its interpreter too. */
int script_check_one(struct policy *policy, const char *path, struct err *err);
