/* The part that apply and import share. */
#pragma once

#include "cli/session.h"
#include "policy/description.h"

struct apply_request {
	bool exact, force, dry_run;
};

/* In a session that has begun. Prints what changed, or what is wrong; returns an exit status. */
int apply_description(struct session *session, const struct description *description,
		      const struct apply_request *request);
