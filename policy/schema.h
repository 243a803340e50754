/* The tables of the policy, and how an older pinlib's tables become today's. */
#pragma once

#include "policy/database.h"

#define POLICY_SCHEMA 3
#define POLICY_ID 0x706e6c62 /* SQLite's application_id: "pnlb" */

/* Whether the open file is a policy that this pinlib knows; *version is that of its schema. A
 * foreign database must not pass: the next change would replace it. -EBADMSG: damaged, or not a
 * policy; -EPROTO: a newer pinlib made it. */
int schema_recognise(struct policy *policy, int64_t *version, struct err *err);

/* Brings the tables from that version up to date, in memory. Version 0 has no tables yet. */
int schema_migrate(struct policy *policy, int64_t version, struct err *err);
