/*
 * Trials: one run of a program with libraries that nobody has pinned.
 *
 * Nothing of it is recorded: no policy, no plan, no layer. The view's files lie on a tmpfs in a
 * mount namespace that this process makes for itself, and go with the last process in it, however
 * that ends. An ordinary user gets the namespace with a user namespace around it.
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "policy/verdict.h"
#include "policy/view.h"
#include "store/store.h"

#include <stddef.h>
#include <sys/types.h>

/* What is tried: a version of the store, or a file in the place of a soname. */
struct trial_item {
	struct version version;
	char soname[256]; /* "" for a version of the store */
	int file;	  /* a copy of the file in memory; -1 for a version of the store */
	const char *text; /* as it was asked for, for messages; the caller's */
};

void trial_item_free(struct trial_item *item);

/* Takes the file that is open at fd for soname, which arch's programs are to load; path is its name for messages,
 * place what trial_place says. -EFBIG: more than TRIAL_FILE_MAX bytes. -EINVAL, -ENOEXEC: it is no shared object, one for another architecture, or one
 * that calls itself otherwise. */
#define TRIAL_FILE_MAX ((off_t)2 << 30) /* it is kept in memory */
int trial_take_file(struct trial_item *out, const char *soname, int fd, const char *path,
		    const char *arch, const char *place, struct err *err);

/* The directory in which app, with the pins that it has, finds soname, or would. app need not be
 * wrapped; store may be NULL if it has no pins. */
int trial_place(struct store *store, const struct app *app, const char *soname,
		char place[PATH_MAX], struct err *err);

struct trial {
	struct view_plan plan;	/* its layers are where trial_begin puts them */
	struct app app;		/* with what is tried among its pins */
	struct versions pinned; /* what those mean; of the first lent the content is the items' */
	size_t lent;
	char program[PATH_MAX];
};

/* Decides what the view shows; before trial_begin, since in a user namespace root's files are
 * nobody's. A pin of the same name and architecture gives way, and so does any file. generation is
 * the policy's. */
int trial_compile(struct store *store, const struct app *app, const struct trial_item *items,
		  size_t n, int64_t generation, struct trial *out, struct err *err);
void trial_free(struct trial *trial); /* before the items */
#define AUTO_TRIAL CLEANUP(trial_free)

/* Gives the process its namespaces and builds the view's files there. After a failure it has to
 * end. -EPERM with advice where the system does not let an ordinary user do this. */
int trial_begin(struct store *store, const struct trial_item *items, size_t n, struct trial *trial,
		struct err *err);

/* The process sees the view from here on. What is left to do is to execute app's path. */
int trial_enter(const struct trial *trial, struct err *err);
