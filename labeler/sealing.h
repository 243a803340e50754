/* Whether the app of a sealed process would get the same program and libraries now. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "labeler/objects.h"

#include <stdint.h>

enum sealing_state {
	SEALING_UNKNOWN, /* not all of its objects are known, or the app's plan or set cannot be read */
	SEALING_NO_APP,	 /* a program of `pinlib seal`, or any other that maps an object */
	SEALING_CURRENT, /* the app's set has all objects that it maps */
	SEALING_STALE,	 /* the same, but another file has the place of its program */
	SEALING_SUPERSEDED, /* it maps objects that the app would not get, or the app is no longer sealed */
};

struct sealed_state {
	enum sealing_state state;
	const char *app;    /* the process's program; NULL: it is no app */
	int64_t generation; /* of the app's plan, if the process has its libraries; else -1 */
	struct digests set; /* the objects that the app would get */
};
void sealing_free(struct sealed_state *sealing);

/* Keeps a pointer to user's program. After an error the state is SEALING_UNKNOWN. */
int sealing_read(const struct object_user *user, struct sealed_state *out, struct err *err);

/* Whether the process maps an object that its app would not get. False if it has no app. */
bool sealing_is_old(const struct sealed_state *sealing, const struct digest *object);
