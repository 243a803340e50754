/* The part that apply and import share. */
#pragma once

#include "cli/session.h"
#include "policy/description.h"

struct apply_request {
	bool exact, force, dry_run;
};

/* In a session that has begun. Prints what changed; returns what a command's run function does. */
int apply_description(struct session *session, const struct description *description,
		      const struct apply_request *request, struct err *err);
