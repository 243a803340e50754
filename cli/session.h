/* A command that changes things holds a session: the lock, the store, and the policy between begin and commit. */
#pragma once

#include "base/err.h"
#include "base/path.h"
#include "policy/policy.h"
#include "seal/home.h"
#include "store/store.h"

#include <stdbool.h>

/* policy_lock; while it is held nothing is printed, see terminal_hold. */
int take_lock(int *lock, void (*waited)(void), struct err *err);
void drop_lock(int *lock);
#define AUTO_LOCK CLEANUP(drop_lock)

struct session {
	int lock; /* -1: not held */
	struct store *store;
	struct policy *policy;
	int64_t generation; /* that session_activate made, or the one in force before it; 0: none */
};
/* First finishes the change of an interrupted command. */
int session_begin(struct session *session, struct err *err);
/* The same without the policy, for a command that does not change it. */
int session_begin_store(struct session *session, struct err *err);
/* The same for a user's own store, or the machine's. */
int session_begin_home(struct session *session, struct home *home, struct err *err);

/* intake_add, for somebody who names this source now, so that gc leaves the version for a day. Warns if that cannot be
 * noted, and notes on standard error what apt did not verify. */
int session_add(const struct session *session, const char *source, const char *name,
		const char *version, struct version *out, bool *known, struct err *err);
void session_end(struct session *session);
#define AUTO_SESSION CLEANUP(session_end)

/* activation_run for a session; all messages go to standard error. Returns an exit status. */
int session_activate(struct session *session, const struct strings *paths, bool force);
