/* What the checks of doctor.h share; a check says what it finds by well, note and fault. */
#pragma once

#include "policy/doctor.h"
#include "policy/policy.h"

struct patient {
	finding_fn *report;
	void *ctx;
	const char *check; /* whose findings come */
	int faults;
	struct policy *policy; /* NULL: it cannot be read, and the check "database" says why */
	struct apps apps;      /* its programs now */
	struct store *store;   /* NULL: there is none */
};

void well(struct patient *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void note(struct patient *p, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void fault(struct patient *p, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A check returns a negative error if it could not look; that is a fault, too. */

/* policy/machine.c: what pinlib needs of the machine. */
int check_kernel(struct patient *p, struct err *err);
int check_wrapper(struct patient *p, struct err *err);
int check_nosuid(struct patient *p, struct err *err);
int check_bounding_set(struct patient *p, struct err *err);
int check_user_namespaces(struct patient *p, struct err *err);
int check_lsm(struct patient *p, struct err *err);
int check_space(struct patient *p, struct err *err);

/* policy/orphans.c: what lies on the system and belongs to no wrapped program, or is missing of
 * one.
 */
int check_orphans(struct patient *p, struct err *err);

/* policy/called.c: how apt and dpkg call pinlib. */
int check_hooks(struct patient *p, struct err *err);
int check_trigger(struct patient *p, struct err *err);
