/*
 * The processes that map objects of the store, as sealed programs do, from /proc/PID/maps. Child processes ask
 * (labeler/survey.h), so no process can delay the caller by more than SURVEY_MS.
 *
 * An ordinary user sees only their own processes: maps of others are hidden.
 *
 * A process controls its paths, in a mount namespace of its own even those that look like the store's. So this can show
 * too much, and gc keep too much; no other process's objects get lost by that.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strings.h"
#include "labeler/set_links.h"
#include "labeler/survey.h"
#include "labeler/who.h"

#include <stdbool.h>

#define OBJECTS_MAX 4096	  /* of one process */
#define OBJECTS_ALL_MAX (1 << 19) /* of all processes together: 16 MiB */

struct object_user {
	struct who who;
	bool deleted; /* its program's file was, or another has its place; who.program has the path without " (deleted)" */
	bool cut;     /* objects are missing, because of the limits */
	struct digests objects; /* that it maps, also deleted ones; sorted */
	/* From the end of its program: the app in its mark ("": `pinlib seal`; NULL: it has no mark or cannot be read),
	 * and the layers that it names. */
	char *app;
	struct strings sets;
};
void object_user_free(struct object_user *user);

/* Takes each such process; object_users_each frees *user, unless this clears it. */
typedef int object_user_fn(void *ctx, struct object_user *user, struct err *err);

struct unread {
	size_t hidden; /* processes of which the maps cannot be read, as a rule another user's */
	pid_t first;   /* one of them */
	struct pids silent; /* processes that did not answer */
};

/* Asks about the processes of the list. Besides those that map objects, it finds each whose deleted program names a set:
 * it may load a library yet. Processes that end meanwhile are no error. */
int object_users_each(const struct pids *of, object_user_fn *take, void *ctx, struct unread *unread,
		      struct err *err);

struct object_users {
	struct object_user *items; /* sorted by pid */
	size_t count;
	size_t hidden;
	struct whos silent;
};
void object_users_free(struct object_users *users);
#define AUTO_OBJECT_USERS CLEANUP(object_users_free)

/* Those of all processes that map objects, without the ones in silent, which did not answer another question. pid: only
 * of this one; 0: of all. */
int object_users_read(pid_t pid, const struct whos *silent, struct object_users *out,
		      struct err *err);
