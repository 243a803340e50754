/* Forecast: what an upgrade will mean for the pinned programs, said before it is agreed to. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"
#include "upgrade/keep.h"

/* "curl keeps zlib1g 1.2.11 (pinned); xmllint will use libxml2 2.9.14+deb12u2": one line about the
 * programs with pins that the changes touch, the caller's to free; NULL where they touch none. Long
 * lists are cut. store may be NULL: then a pin is recognised by its package's name alone. Reads
 * only. */
int forecast(struct policy *policy, struct store *store, const struct changes *changes, char **line,
	     struct err *err);
