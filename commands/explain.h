/* The options --reason and --until of 'pinlib set' and 'pinlib freeze'. */
#pragma once

#include "cli/command.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct explanation {
	const char *reason, *date; /* as given; NULL: not given, and what the app has stays */
	int64_t until;		   /* of date, as in struct app */
};

/* Rows of a command's table. */
/* clang-format off */
#define EXPLANATION_OPTIONS(E) \
	OPTION(&(E)->reason, "reason", ARG_TEXT, "TEXT", \
	       "why APP is pinned, for 'pinlib show' and others; an empty TEXT takes the reason away"), \
	OPTION(&(E)->date, "until", ARG_TEXT, "DATE|DURATION", \
	       "until when APP is meant to stay pinned: 2027-06-30, or 90d, 12w, 6m or 1y from today on, or " \
	       "'never'; pins stay after that date, but pinlib names APP as overdue")
/* clang-format on */

bool explanation_given(const struct explanation *e);
/* Checks both, and sets until. -EINVAL: err says what is wrong with them. */
int explanation_read(struct explanation *e, struct err *err);
/* Changes the wrapped app in a policy between policy_begin and policy_commit. */
int explanation_apply(const struct explanation *e, struct policy *policy, const char *app,
		      struct err *err);

/* Prints the app's reason and date, a line each, after the text of indent; nothing where it has none. */
void explanation_print(const char *indent, const struct app *app);
/* As members of the open JSON object: reason, until (a date) and due, policy/due.h's names. */
void explanation_json(const struct app *app);
