/*
 * Supplying what a view misses: from the store, or from where the pinned versions came from.
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"
#include "view/proof.h"

/* Adds pins to app, with origin PIN_WITH_DEPS, until its view holds or nothing helps any more: of
 * each version that comes in question the one is taken with which what was missing is not missing
 * any more. Pins that are there stay. What is not in the store yet is added to it first. report
 * gets a sentence for each pin that was added. That the view does not hold in the end is no
 * error: activate says why. Changes the policy between policy_begin and policy_commit. */
int with_deps_add(struct policy *policy, struct store *store, const char *app, elf_facts_fn *facts,
		  report_fn *report, void *ctx, struct err *err);

/* What could supply a missing library: "the store has libicu67 67.1-7", "apt knows libicu67"; ""
 * if nothing is known. pinned is what app's pins mean; store may be NULL. */
void with_deps_hint(struct store *store, const struct app *app, const struct versions *pinned,
		    const struct missing *missing, char *text, size_t size);
