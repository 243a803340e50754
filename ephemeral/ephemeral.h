/*
 * Ephemeral views: one run of a program with libraries that nobody has pinned (`pinlib try`).
 *
 * No policy, plan or layer records the view. Its files are on a tmpfs in a mount namespace that this
 * process makes for itself, and they vanish with the last process in it, however that ends. An
 * ordinary user's mount namespace belongs to a new user namespace.
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/store.h"
#include "view/view.h"

#include <stddef.h>
#include <sys/types.h>

/* A version of the store, or a file that takes the place of a soname. */
struct ephemeral_item {
	struct version version;
	char soname[256]; /* "" for a version of the store */
	int file;	  /* a copy of the file in memory; -1 for a version of the store */
	const char *text; /* the argument of the command, for messages; the caller's */
	struct store *
		store; /* that has the version's files, the caller's; NULL: that of ephemeral_begin */
	const char *place; /* as in struct pin, the caller's; NULL */
};

void ephemeral_item_free(struct ephemeral_item *item);

/* Makes an item of the file that is open at fd. path is its name for messages, soname the library
 * that it replaces, arch the architecture of the program's libraries, and place the result of
 * ephemeral_place. -EFBIG: more than EPHEMERAL_FILE_MAX bytes. -EINVAL: not a shared object with
 * this soname; -ENOEXEC: one for another architecture. */
#define EPHEMERAL_FILE_MAX ((off_t)2 << 30) /* the copy is in memory */
int ephemeral_take_file(struct ephemeral_item *out, const char *soname, int fd, const char *path,
			const char *arch, const char *place, struct err *err);

/* The directory in which the app, with its pins, finds soname or would find it. The app need not be
 * wrapped; store may be NULL if it has no pins. */
int ephemeral_place(struct store *store, const struct app *app, const char *soname,
		    char place[PATH_MAX], struct err *err);

struct ephemeral {
	struct view_plan plan;	/* its layers are where ephemeral_begin puts them */
	struct app app;		/* its pins and, in front of them, the items */
	struct versions pinned; /* the versions that these pins mean */
	size_t lent;		/* the first so many versions belong to the items */
	char program[PATH_MAX];
};

/* Decides what the view shows. An item replaces a pin of the same name and architecture, and wins
 * over any other file at its path. generation is the policy's. To be called before ephemeral_begin:
 * in a user namespace root's files belong to nobody. */
int ephemeral_compile(struct store *store, const struct app *app,
		      const struct ephemeral_item *items, size_t n, int64_t generation,
		      struct ephemeral *out, struct err *err);
void ephemeral_free(struct ephemeral *ephemeral); /* before the items */
#define AUTO_EPHEMERAL CLEANUP(ephemeral_free)

/* Gives the process its namespaces and lays out the view's files there. After an error the process
 * has to end. -EPERM: the system does not allow it to an ordinary user; err has advice. */
int ephemeral_begin(struct store *store, const struct ephemeral_item *items, size_t n,
		    struct ephemeral *ephemeral, struct err *err);

/* After ephemeral_begin, instead of ephemeral_enter: gives the memory of the view's files back. */
int ephemeral_end(struct err *err);

/* Gives the process its namespaces, with an empty tmpfs at dir, for files that vanish with the process. Errors as above. */
int ephemeral_hide(const char *dir, struct err *err);

/* Lets the process see the view. The caller then executes the app's path. */
int ephemeral_enter(const struct ephemeral *ephemeral, struct err *err);
