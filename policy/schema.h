/* The tables of the policy. */
#pragma once

#include "policy/database.h"

/* A new PLAN_VERSION needs a new POLICY_SCHEMA: debian/pinlib.preinst compares only this number. */
#define POLICY_SCHEMA 6
#define POLICY_ID 0x706e6c62 /* SQLite's application_id: "pnlb" */

/* Whether the open file is a policy that this pinlib reads. A foreign database must not pass: the
 * next change would replace it. -EBADMSG: damaged, or not a policy; -EPROTO: a newer pinlib made
 * it. */
int schema_recognise(struct policy *policy, struct err *err);

/* Creates the tables in an empty database. */
int schema_create(struct policy *policy, struct err *err);
