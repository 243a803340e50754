/* The checks of doctor/doctor.h, and the functions by which they report their findings. */
#pragma once

#include "base/err.h"
#include "doctor/finding.h"
#include "policy/policy.h"
#include "seal/home.h"
#include "store/store.h"

#include <stdbool.h>

struct checkup {
	finding_fn *report;
	void *ctx;
	const char *check; /* the name of the check that runs */
	int faults;
	struct policy *policy; /* NULL: it cannot be read, and the check "database" says why */
	struct apps apps;      /* its programs now */
	struct home home;      /* of the store: the machine's, or a user's own */
	struct store *store;   /* NULL: there is none */
	bool can_mount;	       /* the kernel does all that a launch needs */
};

/* A finding of the check that runs; remedy may be NULL. */
void check_report(struct checkup *c, enum health health, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
#define check_well(c, ...) check_report(c, HEALTH_WELL, NULL, __VA_ARGS__)
#define check_note(c, remedy, ...) check_report(c, HEALTH_NOTE, remedy, __VA_ARGS__)
#define check_fault(c, remedy, ...) check_report(c, HEALTH_FAULT, remedy, __VA_ARGS__)

/* A check returns a negative error if it could not look; that counts as a fault, too. */

/* doctor/platform.c: what pinlib needs of the machine. */
int check_kernel(struct checkup *c, struct err *err); /* sets can_mount */
int check_wrapper(struct checkup *c, struct err *err);
int check_nosuid(struct checkup *c, struct err *err);
int check_bounding_set(struct checkup *c, struct err *err);
int check_user_namespaces(struct checkup *c, struct err *err);
int check_lsm(struct checkup *c, struct err *err);
int check_space(struct checkup *c, struct err *err);

/* doctor/files.c: who can write pinlib's files, and who can read them. */
int check_files(struct checkup *c, struct err *err);

/* doctor/packaging.c: how apt and dpkg call pinlib. */
int check_hooks(struct checkup *c, struct err *err);
int check_trigger(struct checkup *c, struct err *err);

/* doctor/content.c: the state that pinlib keeps. */
int check_database(struct checkup *c, struct err *err);
int check_pending(struct checkup *c, struct err *err);
int check_programs(struct checkup *c, struct err *err);
int check_layers(struct checkup *c, struct err *err);
int check_store(struct checkup *c, struct err *err);
int check_units(struct checkup *c, struct err *err);

/* doctor/due.c: the dates of 'pinlib set --until'. */
int check_due(struct checkup *c, struct err *err);

/* doctor/sealed.c: the files of `pinlib seal`. */
int check_sealed(struct checkup *c, struct err *err);

/* doctor/orphans.c: leftovers of wrapping without a wrapped program, and diversions that are
 * missing. */
int check_orphans(struct checkup *c, struct err *err);
