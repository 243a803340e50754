/* Forecast: what an upgrade means for the pinned programs, before the administrator agrees to it. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"
#include "upgrade/changes.h"

/* "curl (overdue since 2026-11-01): frozen, stays 7.74.0-1.3; git itself will be replaced: 2.30 -> 2.39, keeps zlib1g 1.2.11
 * (pinned); xmllint will use libxml2 2.9.14+deb12u2": one line about the pinned programs that the
 * changes touch, the caller's to free; NULL: they touch none. Sleeping ones are left out, and long lists
 * are cut. store may be NULL: then a pin is recognised by its package's name alone. Only reads. */
int forecast_line(struct policy *policy, struct store *store, const struct changes *changes,
		  char **line, struct err *err);
