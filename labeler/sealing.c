#include "labeler/sealing.h"

#include "base/paths.h"
#include "plan/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sealing_free(struct sealed_state *sealing)
{
	free(sealing->set.items);
	*sealing = (struct sealed_state){0};
}

bool sealing_is_old(const struct sealed_state *sealing, const struct digest *object)
{
	return sealing->state == SEALING_SUPERSEDED && !digests_have(&sealing->set, object);
}

/* The app is sealed now. */
static int compare_set(const struct object_user *u, const struct plan *plan,
		       struct sealed_state *out, struct err *err)
{
	char id[LAYER_ID];
	int r;

	snprintf(id, sizeof id, "%.*s", (int)strcspn(plan->label, ":"), plan->label);
	out->app = u->who.program;
	r = set_links_read(id, &out->set, err);
	if (r < 0 || u->cut)
		return r;
	out->state = u->deleted ? SEALING_STALE : SEALING_CURRENT;
	for (size_t i = 0; i < u->objects.count; i++)
		if (!digests_have(&out->set, &u->objects.items[i]))
			out->state = SEALING_SUPERSEDED;
	if (out->state != SEALING_SUPERSEDED)
		out->generation = (int64_t)plan->generation;
	return 0;
}

/* Without a plan that is sealed only the mark tells an app that was sealed from any other program. */
static void judge_mark(const struct object_user *u, struct sealed_state *out)
{
	const bool was_app = u->app && strcmp(u->app, u->who.program) == 0;

	out->app = was_app ? u->who.program : NULL;
	out->state = was_app ? SEALING_SUPERSEDED : SEALING_NO_APP;
}

int sealing_read(const struct object_user *user, struct sealed_state *out, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	int r;

	*out = (struct sealed_state){.state = SEALING_UNKNOWN, .generation = -1};
	if (!file)
		return err_nomem(err);
	if (!user->who.program) {
		out->state = SEALING_NO_APP;
		return 0;
	}
	r = plan_load(PINLIB_PLANS, user->who.program, 0, file, err);
	if (r == 0 && file->plan.seal)
		return compare_set(user, &file->plan, out, err);
	if (r < 0 && r != -ENOENT && r != -ENAMETOOLONG && r != -EINVAL)
		return r;
	judge_mark(user, out);
	return 0;
}
