#include "change/recovery.h"

#include "base/cleanup.h"
#include "change/directories.h"
#include "change/pending.h"
#include "change/transition.h"
#include "host/unit.h"

/* Adds to failed those of paths that could not be finished. Returns the first error, which is in
 * *first, or 0. */
static int finish_apps(struct policy *policy, struct store *store, const struct strings *paths,
		       struct strings *failed, struct err *first)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(paths->items, paths->count);
	int result = 0;

	for (size_t i = 0; i < paths->count; i++) {
		const char *path = paths->items[i];
		struct err why;
		int r = transition_run(policy, store, path, &says, &why);

		if (r == 0)
			continue;
		if (result == 0)
			result = err_set(first, -r, "%s could not be repaired: %s", path, why.text);
		r = strings_add(failed, path, first);
		if (r < 0)
			return r;
	}
	return result;
}

int recovery_run(struct policy *policy, struct store *store, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0}, failed = {0};
	struct err ignored;
	bool units_agree;
	int r = pending_read(&paths, err);

	if (r < 0 || paths.count == 0)
		return r;
	/* The rename that brought the policy may not be on the disk yet. */
	r = pending_sync(err);
	if (r < 0)
		return r;
	r = finish_apps(policy, store, &paths, &failed, err);
	if (r == -ENOMEM)
		return r; /* the list stays as it is */
	directories_sweep(policy, &ignored);
	units_agree = units_update(policy, NULL, NULL);
	if (r < 0) {
		pending_write(&failed, NULL, &ignored);
		return r;
	}
	return units_agree ? pending_write(&failed, NULL, err) : 0;
}
