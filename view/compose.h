/*
 * Composing: what a view shows at which path, before the paths are divided among its covers.
 *
 * | case                                             | the view shows                             | why                                   | test                             |
 * |--------------------------------------------------|--------------------------------------------|---------------------------------------|----------------------------------|
 * | a file, a link or a new directory                | that, in its directory on the live system  | the loader reads it at that path      | scenarios/view: "lands where"    |
 * | a directory of the live system                   | nothing more: overlayfs merges directories | its other files stay visible          | scenarios/view: "other files"    |
 * | ... and a package that the version replaces      | none of that package's other files         | see view/replaced.h                   | scenarios/replaced               |
 * | a link where the live system has a directory     | nothing                                    | it would hide the directory           | unit/view_places                 |
 * | programs, /var, documentation                    | nothing                                    | the machine's own, or nobody loads it | scenarios/proof: "shows nothing" |
 * | ... and the program interprets the app, a script | it, and the links that lead there          | its modules have to match it          | scenarios/interpreter            |
 * | /etc                                             | nothing, but for files that are gone       | see view/config.h                     | scenarios/config                 |
 * | two versions with one path                       | the entry of the lower rank                | see enum compose_rank                 | unit/view_places, scenarios/try  |
 * | ... and one rank, but different content          | nothing: the pins are refused              | either choice would surprise          | unit/view_places                 |
 * | a file in a directory that is glibc's own        | no live file there (whiteouts)             | glibc is one piece: view/glibc.h      | scenarios/glibc: "hidden"        |
 */
#pragma once

#include "base/err.h"
#include "store/layer.h"
#include "store/version.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Of two entries at one path the lower rank wins. */
enum compose_rank {
	COMPOSE_APP = -4,	/* the app's link to its program */
	COMPOSE_PREFERRED = -3, /* added to those below: the file that `try` was given */
	COMPOSE_FILE = 0,	/* an entry of a version */
	COMPOSE_SONAME,		/* the soname's link beside its file */
	COMPOSE_PLACE,		/* an entry of view/places.h */
};

struct composed {
	struct layer_entry entry; /* its path, target and cover are not set yet */
	char *path;		  /* in the view, absolute */
	char *target;		  /* links */
	int rank;		  /* enum compose_rank */
	bool exempt;		  /* may be where views otherwise show nothing (view/covers.c) */
	size_t cover; /* length of the path of the directory to cover; 0: view/covers.h finds it */
	const struct version *from; /* for messages */
};

struct composition {
	struct composed *items;
	size_t count;
};

void composition_free(struct composition *c);

/* Appends an entry; copies path and target (NULL but for links). */
int composition_add(struct composition *c, const char *path, const char *target,
		    struct composed entry, struct err *err);

/* Makes every entry from number first on preferred. */
void composition_prefer(struct composition *c, size_t first);

/* Hides the live system's files in dir, if the composition has anything there. */
int composition_hide_live(struct composition *c, const char *dir, struct err *err);

/* Sorts by path, and keeps one entry for each. -EEXIST: two versions have different ones. */
int composition_settle(struct composition *c, struct err *err);

/* Whether views show files of that path at all. */
bool compose_shows(const char *path);
/* False for files of another word size, if the live system has no directory for these: a view would have to cover all of
 * /usr to show them. */
bool compose_has_room(const char *path);

/* The directory that was resolved last. Entries come sorted, so the next is most often the same. All
 * zero: none. */
struct compose_dir {
	char dir[PATH_MAX];
	char found[PATH_MAX];
};

/* The path of a version's entry on the live system: the directory with its links resolved, the name
 * as it is. */
int compose_live_path(struct compose_dir *last, const char *path, char out[PATH_MAX],
		      struct err *err);

/* Adds an entry of a version. */
int compose_entry(struct composition *c, struct compose_dir *last, const struct version *from,
		  const struct entry *e, struct err *err);
