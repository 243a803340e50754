/*
 * Places and order: what the loader loads for a sealed program, against what it loads for the original.
 *
 * Every library that is not of the set has to come from the same file, and all in the same order, since the first definition
 * of a symbol counts. Libraries that one of the set needs are left out: they come with it, or went with its predecessor.
 */
#pragma once

#include "base/err.h"
#include "loader/closure.h"
#include "seal/set.h"

/* Whether all that both load comes in one order. It need not: a pinned library may need others than the live one. */
bool order_is_kept(const struct closure *original, const struct closure *sealed,
		   const struct seal_set *set);
/* -EINVAL: a library changed its place or its order; err is a sentence about it. */
int order_check(const struct closure *original, const struct closure *sealed,
		const struct seal_set *set, struct err *err);
