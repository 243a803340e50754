/* What the checks of doctor.h share; a check says what it finds by well, note and fault. */
#pragma once

#include "doctor/doctor.h"
#include "policy/policy.h"

struct checkup {
	finding_fn *report;
	void *ctx;
	const char *check; /* whose findings come */
	int faults;
	struct policy *policy; /* NULL: it cannot be read, and the check "database" says why */
	struct apps apps;      /* its programs now */
	struct store *store;   /* NULL: there is none */
};

void check_well(struct checkup *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_note(struct checkup *p, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_fault(struct checkup *p, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A check returns a negative error if it could not look; that is a fault, too. */

/* doctor/platform.c: what pinlib needs of the machine. */
int check_kernel(struct checkup *p, struct err *err);
int check_wrapper(struct checkup *p, struct err *err);
int check_nosuid(struct checkup *p, struct err *err);
int check_bounding_set(struct checkup *p, struct err *err);
int check_user_namespaces(struct checkup *p, struct err *err);
int check_lsm(struct checkup *p, struct err *err);
int check_space(struct checkup *p, struct err *err);

/* doctor/orphans.c: what lies on the system and belongs to no wrapped program, or is missing of
 * one.
 */
int check_orphans(struct checkup *p, struct err *err);

/* doctor/packaging.c: how apt and dpkg call pinlib. */
int check_hooks(struct checkup *p, struct err *err);
int check_trigger(struct checkup *p, struct err *err);
