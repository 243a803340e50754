/*
 * Activation: the system comes to agree with the policy.
 *
 * A change is prepared as far as it can fail (layers are built, plans compiled, originals get
 * their second name), then committed by the rename of the policy, then shown: each plan is one
 * rename, each wrapped path is one rename. What is under way stands in PINLIB_STATE/pending; if a
 * command dies, the next one finds that list and brings those apps to what the policy says.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "store/store.h"

struct activate_how {
	bool force;	   /* a view that its verdict is against is shown all the same */
	report_fn *report; /* gets each remark and each reason against a view, but for the one that
			      err has; NULL: nobody */
	void *ctx;
};

/* Commits what was changed in policy since policy_begin and makes it so for the apps at paths. The
 * view of each app that has pins is tried out first (view/verdict.h): -ECANCELED if one does not
 * hold. With force it is recorded as forced instead; one that is forced already, by an earlier
 * generation that comes back, stays so. On failure the old policy is in force again and the apps
 * are as they were. -EBUSY: pinlib's own upgrade is half done (PINLIB_UPGRADING); then programs can
 * be unwrapped, and nothing else. how may be NULL. */
int activate(struct policy *policy, struct store *store, const struct strings *paths,
	     const char *command, const struct activate_how *how, int64_t *generation,
	     struct err *err);

/* Finishes what an interrupted command left, by the committed policy. Apps that cannot be brought
 * to their state stay on the list and the first reason is returned: it is worth a warning, no
 * reason to stop. */
int activate_recover(struct policy *policy, struct store *store, struct err *err);

/* The apps that an interrupted command left to be finished. */
int activate_pending(struct strings *out, struct err *err);

/* Brings one app to what the policy says, whatever state it is in. Without a trial of its view. */
int activate_app(struct policy *policy, struct store *store, const char *path, struct err *err);

/* The first reason why the app is not as the policy says: its program, wrapper, plan, layer. Of one
 * that is, file has the plan. */
struct plan_file;
int activate_look(const struct app *app, struct store *store, struct plan_file *file,
		  struct err *err);

/* The layers that the current plans name; *ids is freed with strings_free. */
int activate_layers(struct policy *policy, struct strings *ids, struct err *err);

/* Makes anew the layers, plans and diversions in force that are not what they should be; says of
 * which app, or why not. Returns how many there were. The generation that is being changed counts as
 * the current one, so policy is opened by policy_open. */
int activate_repair(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		    struct err *err);

/* Reads every plan back and compares it with what the policy compiles to; and each app's wrapper
 * and original. Returns the number of findings. */
int activate_examine(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		     struct err *err);
/* The same, and the wrapper's own directory. */
int activate_verify(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		    struct err *err);
