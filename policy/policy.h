/*
 * The policy: which app is pinned to which library versions, now and in every generation that is
 * kept.
 *
 * The policy is one SQLite file, PINLIB_POLICY, and a committed file is never written again. A
 * command that changes the policy loads the database into memory, changes it in one transaction,
 * and publishes the result by rename(2). So a reader opens the file without a lock (immutable=1)
 * and sees one whole generation. Readers and administrators never wait for one another, and a
 * killed command leaves either the old state or the new one.
 *
 * No row is updated; rows are closed. A pin exists in the generations g with
 * added <= g < removed, where removed is NULL for the current pins. Generation 0 is the empty
 * policy.
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/strings.h"
#include "plan/format.h"
#include "policy/profile.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_NOW INT64_MAX /* as a generation: the current state */

struct policy;

/* -- the file: policy.c -- */

/* Opens the policy for reading. Without a file the policy is empty. -EBADMSG: the file is damaged
 * or not a policy; -EPROTO: a newer pinlib made it. *out is NULL on failure. */
int policy_open(struct policy **out, struct err *err);

/* Opens the policy for a change, under policy_lock, and checks the database first. */
int policy_begin(struct policy **out, struct err *err);

/* Makes the changes since policy_begin one generation and publishes it; until then nobody sees
 * them. The old file keeps a second name until policy_settle removes it, or policy_revert puts it
 * back. Without a change *generation is the current one, and nothing is written. */
int policy_commit(struct policy *policy, const char *command, int64_t *generation, struct err *err);
int policy_revert(struct policy *policy, struct err *err);
void policy_settle(struct policy *policy);

void policy_close(struct policy **policy); /* drops changes that were not committed */
#define AUTO_POLICY CLEANUP(policy_close)

/* The newest generation: after policy_begin the one that the change makes. */
int64_t policy_current(struct policy *policy);
int64_t policy_committed(struct policy *policy); /* the newest one in the file */
int64_t policy_previous(struct policy *policy);	 /* the one before that; negative: there is none */

/* Whether SQLite finds the database whole. Returns 0 or -EBADMSG. */
int policy_check(struct policy *policy, struct err *err);

/* -- reading: rows.c -- */

/* Who chose a pin. The database has the same numbers. */
enum pin_origin {
	PIN_BY_HAND = 0,
	PIN_WITH_DEPS = 1, /* 'set --with-deps' added the pin for another pin */
	PIN_FREEZE = 2,	   /* 'freeze' took the version from the live system */
};

struct pin {
	char *name;
	char *version;
	char *arch;
	struct digest digest;
	enum pin_origin origin;
	int64_t added; /* the generation that set it, or the oldest one that is kept */
	char *place; /* a further directory, canonical, in which the view shows its sonames; NULL */
};

struct app {
	char *path;
	char *program; /* `set --as`: the path, in the pinned versions, of the file that is shown at
			  path; NULL: path itself (policy/supply.h) */
	enum plan_on_failure on_failure;
	bool forced; /* pinned although its view failed the proof */
	bool sealed; /* a copy that names its libraries stands at path (seal/seal.h); false: a stub */
	char *reason; /* why it is pinned; of a policy that another program wrote, any bytes. NULL */
	int64_t until; /* until when it is meant to be pinned: seconds since 1970, or 0 (policy/due.h) */
	struct confinement confined;
	struct pin *pins; /* sorted by name, then arch */
	size_t npins;
};

struct apps {
	struct app *items; /* sorted by path */
	size_t count;
};

void app_free(struct app *app);
void apps_free(struct apps *apps);
#define AUTO_APP CLEANUP(app_free)
#define AUTO_APPS CLEANUP(apps_free)

/* -ENOENT if the app is not wrapped in that generation. */
int policy_app(struct policy *policy, const char *path, int64_t generation, struct app *out,
	       struct err *err);
int policy_apps(struct policy *policy, int64_t generation, struct apps *out, struct err *err);

/* Every app that some kept generation wraps, sorted. The caller frees *out. */
int policy_known(struct policy *policy, struct strings *out, struct err *err);

struct generation {
	int64_t id;
	int64_t time; /* seconds since 1970 */
	int64_t uid;
	char *user;
	char *command;
};

struct generations {
	struct generation *items; /* oldest first */
	size_t count;
};
void generations_free(struct generations *gens);
#define AUTO_GENERATIONS CLEANUP(generations_free)
int policy_generations(struct policy *policy, struct generations *out, struct err *err);

/* The versions that the kept generations need. The caller frees out->items. */
int policy_digests(struct policy *policy, struct digests *out, struct err *err);

/* -- changing, between policy_begin and policy_commit: edit.c -- */

/* Wraps an app, or changes these two settings of a wrapped app. */
int policy_wrap(struct policy *policy, const char *path, enum plan_on_failure on_failure,
		bool forced, struct err *err);
/* Sets the program of a wrapped app; NULL as in struct app. */
int policy_show_as(struct policy *policy, const char *path, const char *program, struct err *err);
/* Sets the form of a wrapped app: sealed, or a view. */
int policy_seal(struct policy *policy, const char *path, bool sealed, struct err *err);
/* Sets the reason and the date of a wrapped app; NULL and 0 as in struct app. */
int policy_explain(struct policy *policy, const char *path, const char *reason, int64_t until,
		   struct err *err);
/* Gives a wrapped app a filter; one without a profile takes the app's filter away. */
int policy_confine(struct policy *policy, const char *path, const struct confinement *confined,
		   struct err *err);
/* Takes the app's pins away, too. */
int policy_unwrap(struct policy *policy, const char *path, struct err *err);
/* Replaces a pin of the same name and arch. place may be NULL. */
int policy_pin(struct policy *policy, const char *path, const struct version *version,
	       enum pin_origin origin, const char *place, struct err *err);
bool pin_has_place(const struct pin *pin, const char *place);
int policy_unpin(struct policy *policy, const char *path, const struct digest *digest,
		 struct err *err);
/* Restores the state of a generation. -ENOENT: no such generation is kept. *changed gets the paths
 * of the apps that differ in more than reason and date; the caller frees it. */
int policy_restore(struct policy *policy, int64_t generation, struct strings *changed,
		   struct err *err);

/* Forgets the generations before oldest, but never the current one. Makes no generation. */
int policy_prune(struct policy *policy, int64_t oldest, struct err *err);
