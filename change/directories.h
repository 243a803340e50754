/*
 * Directories below /etc that views cover and the live system lacks (view/config.h). pinlib makes them, empty, as mount
 * points, and removes them when no view covers them any more. PINLIB_DIRECTORIES has a link to each.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"

/* Makes those of the covers that are missing: with mode 0755, of root. */
int directories_make(const struct strings *covers, struct err *err);

/* Removes those that no published plan covers. One that is not empty any more is the administrator's, and stays. */
int directories_sweep(struct policy *policy, struct err *err);
