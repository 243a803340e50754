/*
 * A freeze under way, and its two halves:
 *
 *	freeze_files.c	which files of the live system are to be frozen
 *	freeze_store.c	these files into the store, as packages or one by one
 */
#pragma once

#include "base/err.h"
#include "change/frozen.h"
#include "dpkg/owner.h"
#include "policy/policy.h"
#include "store/store.h"
#include "trace/observation.h"
#include "view/view.h"

#include <stdbool.h>
#include <stddef.h>

#define GLIBC_GENERATED "glibc-generated" /* the version of what glibc's tools made here */

/* A file of the live system that is to be frozen. */
struct freeze_file {
	char *path; /* canonical */
	char *link; /* another path by which it was loaded, its directory canonical; or NULL */
	const char
		*exe; /* of a file that was only observed: the program that mapped it; else NULL */
	size_t owner; /* number of its package, or OWNER_NONE */
	size_t exe_owner; /* the same for exe */
	bool done;	  /* nothing is left to be done about it */
};

struct freeze_work {
	struct store *store;
	const struct observation *seen; /* the caller's; may be NULL */
	struct app app;			/* as it is now; without pins if it is not wrapped */
	struct app base;		/* the pins that stay; they belong to app */
	struct pin *pins;		/* of base */
	struct view_plan *plan;		/* of base */
	struct versions kept;		/* the versions of base's pins */
	struct freeze_file *files;
	size_t nfiles;
	struct packages packages; /* the owners of files */
	struct versions made;	  /* the versions to pin */
	bool with_libc;
	const char *arch, *triplet; /* of the program */
	struct freezing out;
};

void freeze_work_free(struct freeze_work *w);

/* Takes *v over; it is empty afterwards. */
int freeze_add_version(struct versions *to, struct version *v, struct err *err);

/* NULL for OWNER_NONE. */
const struct package *freeze_package(const struct freeze_work *w, size_t number);

/* Whether pinlib freezes a package of glibc's by this name: those that programs use at run time,
 * and GLIBC_GENERATED. */
bool freeze_is_libc(const char *name);

/* Fills base, kept and with_libc from app's pins. */
int freeze_sort_pins(struct freeze_work *w, struct err *err);

/* Fills files; those that are not to be frozen are done, with the reason in out. */
int freeze_find_files(struct freeze_work *w, struct err *err);

/* Adds the files that are not done to the store, and glibc with with_libc: made gets the
 * versions. */
int freeze_store_files(struct freeze_work *w, struct err *err);
