/* `try --scratch`: runs the program of `try` in a scratch layer, then lists, keeps or applies the changes. */
#pragma once

#include "base/caller.h"
#include "base/err.h"
#include "ephemeral/attend.h"
#include "ephemeral/scratch.h"

#include <stdbool.h>

struct try_scratch {
	const char *app;
	char *const *args; /* after its name; ends in NULL */
	const struct caller *caller;
	const char *keep; /* a directory for the changes, or NULL */
	bool apply;
	/* Becomes the program, in a child process; calls try_scratch_enter and try_scratch_ready on its way. Returns an
	 * exit status, or a negative error with the text in err. */
	int (*start)(void *ctx, struct try_scratch *scratch, struct err *err);
	void *ctx;
	/* filled by try_scratch_run */
	struct scratch layer;
	struct attendance attendance;
	int parent;
};

/* Returns the exit status of the program or, after pinlib has printed an error, its own; or a negative error. */
int try_scratch_run(struct try_scratch *t, struct err *err);

/* In the child, where it sees its view and still has its privileges: leaves the live files. */
int try_scratch_enter(struct try_scratch *t, struct err *err);

/* In the child: the last step before the program. */
void try_scratch_ready(struct try_scratch *t);
