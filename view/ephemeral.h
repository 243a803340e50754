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
#include "store/store.h"
#include "view/view.h"

#include <stddef.h>
#include <sys/types.h>

/* What is tried: a version of the store, or a file in the place of a soname. */
struct ephemeral_item {
	struct version version;
	char soname[256]; /* "" for a version of the store */
	int file;	  /* a copy of the file in memory; -1 for a version of the store */
	const char *text; /* as it was asked for, for messages; the caller's */
};

void ephemeral_item_free(struct ephemeral_item *item);

/* Takes the file that is open at fd for soname, which arch's programs are to load; path is its name for messages,
 * place what ephemeral_place says. -EFBIG: more than EPHEMERAL_FILE_MAX bytes. -EINVAL, -ENOEXEC: it is no shared object, one for another architecture, or one
 * that calls itself otherwise. */
#define EPHEMERAL_FILE_MAX ((off_t)2 << 30) /* it is kept in memory */
int ephemeral_take_file(struct ephemeral_item *out, const char *soname, int fd, const char *path,
			const char *arch, const char *place, struct err *err);

/* The directory in which app, with the pins that it has, finds soname, or would. app need not be
 * wrapped; store may be NULL if it has no pins. */
int ephemeral_place(struct store *store, const struct app *app, const char *soname,
		    char place[PATH_MAX], struct err *err);

struct ephemeral {
	struct view_plan plan;	/* its layers are where ephemeral_begin puts them */
	struct app app;		/* with what is tried among its pins */
	struct versions pinned; /* what those mean; of the first lent the content is the items' */
	size_t lent;
	char program[PATH_MAX];
};

/* Decides what the view shows; before ephemeral_begin, since in a user namespace root's files are
 * nobody's. A pin of the same name and architecture gives way, and so does any file. generation is
 * the policy's. */
int ephemeral_compile(struct store *store, const struct app *app,
		      const struct ephemeral_item *items, size_t n, int64_t generation,
		      struct ephemeral *out, struct err *err);
void ephemeral_free(struct ephemeral *trial); /* before the items */
#define AUTO_EPHEMERAL CLEANUP(ephemeral_free)

/* Gives the process its namespaces and builds the view's files there. After a failure it has to
 * end. -EPERM with advice where the system does not let an ordinary user do this. */
int ephemeral_begin(struct store *store, const struct ephemeral_item *items, size_t n,
		    struct ephemeral *trial, struct err *err);

/* The process sees the view from here on. What is left to do is to execute app's path. */
int ephemeral_enter(const struct ephemeral *trial, struct err *err);
