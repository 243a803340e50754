/* The sets (seal/set.h) whose libraries a running process uses, or may load yet. No plan may have such a set any more. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strings.h"
#include "labeler/live.h"
#include "store/layer_spec.h"
#include "store/store.h"

#include <stdbool.h>

struct set_used {
	char id[LAYER_ID];
	struct digests objects; /* sorted */
	struct who first;	/* of the processes */
	size_t processes;
	bool planned; /* false, outside of sets_used_find */
};

struct sets_used {
	struct set_used *items;
	size_t count;
	size_t hidden; /* so many processes cannot be read; then all sets count as used */
};
void sets_used_free(struct sets_used *sets);

/* Finds those that are not in plans. A process uses the sets that its program names. Another program may have mapped an
 * object, too: it uses each set with that object. Leaves out the processes in live->mute, and adds those that do not answer
 * to live->silent. Takes SURVEY_MS at most. */
int sets_used_find(const struct strings *plans, struct live *live, struct sets_used *out,
		   struct err *err);

/* Adds versions to needed, so that each object of these sets is in one of needed. */
int sets_used_versions(const struct sets_used *sets, struct store *store, struct digests *needed,
		       struct err *err);
