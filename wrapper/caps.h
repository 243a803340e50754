/* The capabilities of this process (capabilities(7)). */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct caps {
	uint64_t effective, permitted, inheritable; /* bit N: capability N */
};

int caps_read(struct caps *out, struct err *err);

/* Whether these permit building a view: CAP_SYS_ADMIN does. */
bool caps_suffice(const struct caps *caps);

/* Whether the app may mount, too: the caller has CAP_SYS_ADMIN without the wrapper, as root has. */
bool caps_may_mount(const struct caps *entry);

/* Makes the capabilities for building a view effective, as far as they are permitted. */
int caps_raise(const struct caps *entry, struct err *err);

/* Restores the effective set of the start, and reads it back. The capabilities can still be raised again. */
int caps_lower(const struct caps *entry, struct err *err);

/* Drops for good the capabilities of the wrapper's file, and reads back that they are gone. The capabilities that were
 * effective at the start stay: none for an ordinary caller, since the file capability has no effective bit, and
 * root's own for root, as after a plain execve. The caller's inheritable set is not changed. */
int caps_drop(const struct caps *entry, struct err *err);

/* The likely reason why CAP_SYS_ADMIN is missing, for a message. */
const char *caps_reason(void);

/* Whether the process is in a user namespace other than the initial one, judging by its uid_map. */
bool caps_in_user_namespace(void);
