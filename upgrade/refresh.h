/*
 * Refreshing: packages were installed, upgraded or removed, and the wrapped programs come to agree
 * with the files that are there now.
 *
 * A program that can no longer be wrapped (it is gone, or a symbolic link, or setuid) is unwrapped,
 * and users run the file that its package put at the path. Its pins sleep: they stay in the policy, and are in
 * force again when the program can be wrapped again, after its package came back for example. The
 * policy does not change, so there is no new generation.
 *
 * First every program that would not start (its stub, plan or original is missing) is put to sleep or
 * repaired; then all cores prove views. A refresh that was killed, or had no more time, is continued
 * by the next one (upgrade/unrefreshed.h).
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdbool.h>

enum refreshed_state {
	REFRESH_SAME,	  /* the app was as the policy says, and its view holds */
	REFRESH_REPAIRED, /* it is so again; why says what was wrong */
	REFRESH_SLEEPS,	  /* it is not wrapped; why says what is in the way */
	REFRESH_MIXED, /* its program was replaced, and has pinned siblings (upgrade/siblings.h) */
	REFRESH_FAILS, /* it is wrapped and would not work; why is the first reason */
	REFRESH_LEFT,  /* there was no time for it; the next refresh begins with it */
};

#define REFRESH_SECONDS 60 /* for which apt waits at most */

const char *refreshed_name(enum refreshed_state state); /* "repaired" */

struct refreshed {
	const char *app;
	enum refreshed_state state;
	bool news;	  /* REFRESH_SLEEPS: it has just gone to sleep */
	const char *why;  /* a sentence without a full stop; "" for REFRESH_SAME */
	const char *help; /* the same: a remedy; "": there is none */
};
typedef void refreshed_fn(void *ctx, const struct refreshed *refreshed);

struct refresh_options {
	bool deep; /* each layer is read and compared with its list, too */
	bool due;  /* only apps that are due (upgrade/unrefreshed.h), in REFRESH_SECONDS */
	refreshed_fn *report; /* is called once for each app, at the end, in the order of paths */
	void *ctx;
};

/* Refreshes apps. The generation in force is policy's current one, so policy is opened by policy_open,
 * under policy_lock. Returns how many apps have just gone to sleep, would not work or are left, or a
 * negative error if it could not look at them. The views of forced apps are not proven. */
int refresh_apps(struct policy *policy, struct store *store, const struct refresh_options *options,
		 struct err *err);
