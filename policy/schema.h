/* The tables of the policy. */
#pragma once

#include "policy/database.h"

/* A new PLAN_VERSION needs a new POLICY_SCHEMA: debian/pinlib.preinst compares only this number. */
#define POLICY_SCHEMA 7
#define POLICY_ID 0x706e6c62 /* SQLite's application_id: "pnlb" */

/* The oldest schema that this pinlib reads, after a conversion in memory. */
#define POLICY_SCHEMA_OLDEST 6

/* Whether the open file is a policy that this pinlib reads. A foreign database must not pass: the
 * next change would replace it. -EBADMSG: damaged, or not a policy; -EPROTO: a newer pinlib made
 * it. *older: its schema is an older one, and schema_convert must follow. */
int schema_recognise(struct policy *policy, bool *older, struct err *err);

/* Converts a database of an older schema that is in memory. */
int schema_convert(struct policy *policy, struct err *err);

/* Creates the tables in an empty database. */
int schema_create(struct policy *policy, struct err *err);
