/* The capabilities of this process (capabilities(7)). */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct caps {
	uint64_t effective, permitted, inheritable; /* bit N: capability N */
};

int caps_read(struct caps *out, struct err *err);

/* Whether a view can be built with these. */
bool caps_suffice(const struct caps *caps);

/* Makes what building a view needs effective, as far as it is permitted. */
int caps_raise(const struct caps *entry, struct err *err);

/* Makes what was raised ineffective again, and reads back that it is. It can still be raised. */
int caps_rest(const struct caps *entry, struct err *err);

/* Gives up what the wrapper's file capability brought, and reads back that it is gone. What stays
 * is what was effective at the entry: for an ordinary caller nothing, since the file capability has
 * no effective bit; for root what root has anyway, as a plain execve by root would. The
 * inheritable set is the caller's and is not touched. */
int caps_drop(const struct caps *entry, struct err *err);

/* Why CAP_SYS_ADMIN is missing, as far as can be told: a phrase. */
const char *caps_reason(void);

/* True if the process is in a user namespace that is not the initial one, as far as its
 * uid_map tells. */
bool caps_in_user_namespace(void);
