/*
 * A freeze under way, and its parts:
 *
 *	machine.c	has what all apps share: dpkg's lists, and the versions that came into the store
 *	files.c		chooses the files of the live system that are to be frozen
 *	packages.c	chooses the program's packages, and those of its modules and data
 *	store.c		adds these files and packages to the store
 *	generated.c	adds files that packages made on this machine
 *
 * | package                                               | frozen with it                                         |
 * |-------------------------------------------------------|--------------------------------------------------------|
 * | the program's                                         | whole                                                  |
 * | of the same source, or named after the program, and   | whole: libmagic-mgc, vim-runtime, libpython3.11-stdlib |
 * | the program's depends on it                           |                                                        |
 * | of the same source, has files in a directory of the   | whole: groff's macros, the commands of git-email       |
 * | program's, and depends on this, or all who have the   |                                                        |
 * | directory are of the source                           |                                                        |
 * | has files in a directory where a loaded library finds | whole: plugins of GStreamer, dictionaries of aspell    |
 * | modules (late/kinds.h)                                |                                                        |
 * | ... but all kinds of packages put modules there       | whole if it is of the same source: Python's stdlib     |
 * | has such modules or a library, and the package of a   | whole: flake8's python3-pyflakes, jekyll's libsass1    |
 * | script depends on it; the interpreter is frozen, too  |                                                        |
 * | has a library that the program or such a package's    | whole                                                  |
 * | files load                                            |                                                        |
 * | has a file that the observed run used                 | whole                                                  |
 * | any of these, and essential                           | the file alone                                         |
 * | any of these, and glibc's                             | none, or with_libc                                     |
 */
#pragma once

#include "base/err.h"
#include "dpkg/inventory.h"
#include "freeze/frozen.h"
#include "loader/closure.h"
#include "loader/program.h"
#include "policy/policy.h"
#include "store/store.h"
#include "trace/observation.h"
#include "view/view.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define GLIBC_GENERATED "glibc-generated" /* the version of what glibc's tools made here */
#define GENERATED "-generated"		  /* ends the name of such a version of another package */

/* -- shared by all apps -- */

/* A version that is no package's, and the files that it was made of. */
struct freeze_made {
	struct version version;
	char *name, *number;
	struct strings paths; /* of its files, and of links to them */
};

struct freeze_taken {
	bool tried;
	struct version version;	 /* without entries: it could not come in */
	struct strings left_out; /* as in struct intake_package */
};

struct freeze_machine {
	struct store *store;
	struct inventory inventory;
	struct freeze_taken *packages; /* of the inventory */
	struct freeze_made **made;
	size_t nmade;
	struct ldview *live;
};

int freeze_machine_begin(struct freeze_machine *m, struct store *store, struct err *err);
void freeze_machine_end(struct freeze_machine *m);

/* Brings these packages of the inventory into the store, unless an app before had them. */
int freeze_take_packages(struct freeze_machine *m, const bool *wanted, struct err *err);

/* The version of single files; the machine's. n is at least 1. */
struct intake_file;
int freeze_take_files(struct freeze_machine *m, const struct intake_file *files, size_t n,
		      const char *name, const char *version, const struct version **out,
		      struct err *err);

/* -- one app -- */

enum {
	FREEZE_WHOLE = 1,   /* the package is to come in whole */
	FREEZE_LOADS = 2,   /* the libraries that its files load are to be frozen, too */
	FREEZE_WALKED = 4,  /* the packages that it depends on were looked at */
	FREEZE_SCANNED = 8, /* its files were looked at */
	FREEZE_MADE = 16,   /* its version is in made */
	FREEZE_STARTS = 32, /* it has the script's interpreter, or a link that leads there */
};

/* A file of the live system that is to be frozen. */
struct freeze_file {
	char *path;	 /* canonical */
	char *link;	 /* another path by which it was loaded, its directory canonical; or NULL */
	const char *exe; /* of a file that was only observed: the program that used it; else NULL */
	size_t owner;	 /* number of its package, or OWNER_NONE */
	size_t exe_owner; /* the same for exe */
	bool done;	  /* nothing is left to be done about it */
};

struct freeze_work {
	struct freeze_machine *machine;
	const struct observation *seen; /* the caller's; may be NULL */
	struct app app;			/* as it is now; without pins if it is not wrapped */
	struct app base;		/* the pins that stay; they belong to app */
	struct pin *pins;		/* of base */
	struct view_plan *plan;		/* of base */
	struct versions kept;		/* the versions of base's pins */
	char live[PATH_MAX];		/* the app's live program (wrap_program) */
	char file[PATH_MAX]; /* the program that is to be read: that, or one that base supplies */
	struct program program;
	size_t owner; /* the app's package, or OWNER_NONE */
	struct freeze_file *files;
	size_t nfiles;
	unsigned char *marks;	     /* FREEZE_..., of each package of the inventory */
	const struct version **made; /* the versions to pin; the machine's */
	size_t nmade;
	bool with_libc, libraries;
	struct sysroot sysroot;	    /* of view */
	struct ldview *view;	    /* of base, where base is not as the live system; else NULL */
	bool anew;		    /* pins of an earlier freeze do not count */
	const char *arch, *triplet; /* of the program */
	struct freezing out;
};

void freeze_work_free(struct freeze_work *w);

/* The package with that number; NULL for OWNER_NONE. */
const struct package *freeze_package(const struct freeze_work *w, size_t number);

/* Whether a package may come in whole: an essential one, glibc's, and one that is pinned already do not. */
bool freeze_comes_whole(const struct freeze_work *w, size_t number);

/* Whether a pin that stays shows a file at this path. */
bool freeze_is_pinned(const struct freeze_work *w, const char *path);
bool freeze_is_kept(const struct freeze_work *w, const char *name, const char *arch);

/* Whether pinlib freezes a package of glibc's by this name: those that programs use at run time,
 * and GLIBC_GENERATED. */
bool freeze_is_libc(const char *name);

/* Adds a version to made, once. */
int freeze_add_made(struct freeze_work *w, const struct version *v, struct err *err);

/* Fills base, kept and with_libc from app's pins. */
int freeze_sort_pins(struct freeze_work *w, struct err *err);

/* Adds a file to those that are to be frozen, unless a pin that stays shows it. name is the path at which it is loaded;
 * exe is NULL for a file that every run loads. */
int freeze_add_file(struct freeze_work *w, const char *name, const char *exe, struct err *err);

/* Fills files and marks; files that are not to be frozen are done, with the reason in out. */
int freeze_find_files(struct freeze_work *w, struct err *err);
/* Marks the packages of those files that bring their whole package. *grew becomes true if a mark is new. */
int freeze_sift_files(struct freeze_work *w, bool *grew, struct err *err);

/* Marks the program's packages, and those of its modules. */
int freeze_find_program(struct freeze_work *w, struct err *err);
/* Marks the data of the packages that are marked so far, and adds the files that they load. */
int freeze_follow_packages(struct freeze_work *w, bool *grew, struct err *err);
/* Whether the program at this path is held back with the app: it is the app, or its interpreter. */
bool freeze_holds(const struct freeze_work *w, const char *exe);

/* Adds chosen packages and the files that are not done to the store, and glibc with with_libc: made gets the
 * versions. */
int freeze_store_files(struct freeze_work *w, struct err *err);

/* Adds the files that no package owns, but that belong to the packages of made. */
int freeze_store_generated(struct freeze_work *w, struct err *err);
