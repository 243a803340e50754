/*
 * Refreshing: packages were installed, upgraded or removed, and what is wrapped comes to agree with
 * what is there now.
 *
 * A program that cannot stand behind the wrapper any more (it is gone, or a symbolic link, or
 * setuid) is unwrapped: what its package put there is what runs. Its pins stay in the policy,
 * asleep, and are in force again when the program can be wrapped again: a package that was removed
 * came back, say. No generation is made: the policy does not change.
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"

enum refreshed_state {
	REFRESH_SAME,	/* it is as the policy says, and its view holds */
	REFRESH_MENDED, /* it is so again: why says what was wrong */
	REFRESH_SLEEPS, /* it is not wrapped: why says what keeps it from that */
	REFRESH_FAILS,	/* it is wrapped, and would not work: why is the first reason */
};
const char *refreshed_name(enum refreshed_state state); /* "mended" */

struct refreshed {
	const char *app;
	enum refreshed_state state;
	bool news;	  /* REFRESH_SLEEPS: since now */
	const char *why;  /* a sentence without a full stop; "" for REFRESH_SAME */
	const char *help; /* what the administrator can do: the same; "" if there is nothing */
};
typedef void refreshed_fn(void *ctx, const struct refreshed *what);

/* Goes through all apps and tells of each. The generation that counts is policy's current one, so
 * policy is opened by policy_open, under policy_lock. Returns how many sleep since now or fail, or
 * a negative error if it could not look. Views that were forced are not tried out. */
int refresh(struct policy *policy, struct store *store, refreshed_fn *tell, void *ctx,
	    struct err *err);
