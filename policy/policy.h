/*
 * The policy: which app is pinned to which library versions, now and at every generation kept.
 *
 * One SQLite file, PINLIB_POLICY. A committed file is never written again: a change takes the whole
 * database into memory, changes it in one transaction, and publishes the result by rename. So a
 * reader opens it without any lock (immutable=1), sees one generation whole, and can neither
 * wait for an administrator nor make one wait; and a command that is killed leaves the old state or
 * the new.
 *
 * Rows are never updated in place but closed: a pin is there in the generations
 * added <= g < removed, where removed is NULL for now. Generation 0 is the empty policy.
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

#define POLICY_SCHEMA 3
#define POLICY_ID 0x706e6c62 /* SQLite's application_id: "pnlb" */
#define POLICY_NOW INT64_MAX /* as a generation: the current state */

struct policy;

/* For reading. A policy that does not exist yet is an empty one; a file that is there has to be a
 * policy. One of an older schema is brought up to date in memory, and in the file by the next
 * change. -EBADMSG: damaged, or something else's file; -EPROTO: made by a newer pinlib. *out is
 * NULL on failure. */
int policy_open(struct policy **out, struct err *err);

/* For changing, under policy_lock. The database is checked first. */
int policy_begin(struct policy **out, struct err *err);

/* Whether the file that was read is of an older schema, and so of an older pinlib. */
bool policy_is_older(struct policy *policy);

/* Makes what was changed since policy_begin one generation, and publishes it; before this,
 * nothing is visible to anybody. The file that was there is kept under another name until
 * policy_settle (it stays) or policy_revert (it comes back). Nothing was changed: *generation is
 * the current one, and nothing is written. */
int policy_commit(struct policy *policy, const char *command, int64_t *generation, struct err *err);
int policy_revert(struct policy *policy, struct err *err);
void policy_settle(struct policy *policy);

void policy_close(struct policy **policy); /* without policy_commit: nothing happened */
#define AUTO_POLICY CLEANUP(policy_close)

/* Who chose a pin. The numbers are the database's. */
enum pin_origin {
	PIN_BY_HAND = 0,
	PIN_WITH_DEPS = 1, /* 'set --with-deps' added it to another */
	PIN_FREEZE = 2,	   /* 'freeze' took it from the live system */
};

struct pin {
	char *name;
	char *version;
	char *arch;
	struct digest digest;
	enum pin_origin origin;
};

struct app {
	char *path;
	enum plan_on_failure on_failure;
	bool forced; /* pinned although its view could not be proven */
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

int64_t policy_current(struct policy *policy); /* the current generation's number */

/* Changes, between policy_begin and policy_commit. */
int policy_wrap(struct policy *policy, const char *path, enum plan_on_failure on_failure,
		bool forced, struct err *err); /* of a wrapped app these two are changed */
/* Of a wrapped app; one without profile: no filter. Its bytes are kept as they are. */
int policy_confine(struct policy *policy, const char *path, const struct confinement *confined,
		   struct err *err);
int policy_unwrap(struct policy *policy, const char *path, struct err *err); /* and its pins */
/* Takes the place of a pin of the same name and arch; of the pin itself the origin is changed. */
int policy_pin(struct policy *policy, const char *path, const struct version *version,
	       enum pin_origin origin, struct err *err);
int policy_unpin(struct policy *policy, const char *path, const struct digest *digest,
		 struct err *err);
/* Makes the current state what it was at generation. -ENOENT: no such generation is kept. The paths
 * of the apps that differ go to *changed, which the caller frees with strings_free. */
int policy_restore(struct policy *policy, int64_t generation, struct strings *changed,
		   struct err *err);

/* Forgets the generations before oldest; never the current one. Not a generation of its own. */
int policy_prune(struct policy *policy, int64_t oldest, struct err *err);

/* Every app that some generation kept wraps, sorted. */
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

/* The versions that the current state, or any generation kept, needs; *out is freed with
 * free(out->items). */
int policy_digests(struct policy *policy, struct digests *out, struct err *err);

/* What `pinlib verify` asks of the database. Returns 0 or -EBADMSG. */
int policy_check(struct policy *policy, struct err *err);
