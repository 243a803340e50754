/*
 * Trials: whether an app would work if some of its pins moved, proven by the app's loader in a view that exists for the
 * proof only (ephemeral/ephemeral.h). Nothing on the disk changes. Mounts: root only.
 */
#pragma once

#include "base/err.h"
#include "renewal/stock.h"
#include "renewal/unison.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct trial_move {
	const struct unison *unison;
	const struct unison_set *set; /* NULL: the app goes without the unison's pins */
};

enum trial_result { TRIAL_NONE, TRIAL_HOLDS, TRIAL_FAILS };

struct renewal_trial {
	const struct app *app;
	const struct trial_move *moves; /* the caller's */
	size_t nmoves;
	enum trial_result result;
	bool lacks_library; /* TRIAL_FAILS: for want of one */
	char *why;	    /* a sentence, except for TRIAL_HOLDS */
};
void trial_free(struct renewal_trial *trial);

/* Makes all trials, on every processor. One that cannot be made is TRIAL_NONE, with the reason. */
int trials_run(struct store *store, const struct stock *stock, struct renewal_trial *trials,
	       size_t n, struct err *err);

/* "ok", "fails", "not tried" */
const char *trial_result_text(enum trial_result result);
