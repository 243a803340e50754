/*
 * Sealed programs: an app's program with its pinned libraries named by content, instead of a view.
 *
 * A copy of the program (seal/edit.h) stands at the app's path (host/sealed.h). It leads the loader that is there to the
 * libraries of a set (seal/set.h), in this program alone: no namespace, no capability, no wrapper.
 *
 * | on-failure | the copy has                                     | without the store                                |
 * |------------|--------------------------------------------------|--------------------------------------------------|
 * | refuse     | each library of the set that it loads, as a      | the loader refuses: it names the set's directory |
 * |            | DT_NEEDED with its path, and the set's directory |                                                  |
 * |            | as the first of its search path, unless it loads |                                                  |
 * |            | all of the set                                   |                                                  |
 * | unpinned   | the set's directory as the first of its search   | the loader finds the live libraries              |
 * |            | path                                             |                                                  |
 *
 * The search path is DT_RUNPATH if the program has one, else DT_RPATH. Where it does not count, because a library that the
 * program loads has a DT_RUNPATH of its own, the copy needs the pinned library itself: an object that is loaded answers to
 * its soname. If it would come before others then, whose definitions count now, the copy needs these before it.
 *
 * | cannot be sealed                                      | test, in scenarios/sealed    |
 * |-------------------------------------------------------|------------------------------|
 * | a script, and a program without a loader              | "a script", "static"         |
 * | a program with data that the copy would lose or move  | "data behind"                |
 * | pins of glibc: it is one piece, with data             | "glibc"                      |
 * | a pin by hand without a library                       | "no library"                 |
 * | a program of `set --as`, a filter, a further place    | "needs a view"               |
 * | a copy whose other libraries change place or order    | unit/seal_order              |
 * | a library that the program opens by its path          | "opened by its path"         |
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strings.h"
#include "base/sysroot.h"
#include "plan/format.h"
#include "policy/policy.h"
#include "seal/set.h"
#include "store/store.h"
#include "view/view.h"

#include <limits.h>

/* -- any program -- */

/* The paths are absolute, and the caller's. */
struct seal_request {
	const char *program; /* the file to copy */
	const char *at;	     /* the path at which the original is started, for $ORIGIN */
	const char *image;   /* the file to write; it does not exist */
	const char *
		app; /* of which it is the sealed file, and at whose path it will be; "": it stays at image */
	bool unpinned; /* without the store the live libraries do */
	struct store *store;
	const char *layers,
		*objects; /* where the set is built, and where its links lead; objects is canonical */
};

/* Writes the sealed file, with mode 0755, and builds the set, to which names may be added. The loader model has found the
 * set's libraries in the copy, and the others where they were; the loader itself has yet to prove it. -EINVAL: such a
 * program cannot be sealed; err is a sentence with the reason. After an error there is no image. */
int seal_make(const struct seal_request *request, struct seal_set *set, struct err *err);
/* Fills the set's id and dir as seal_make would, and writes nothing: image, app and store do not matter. */
int seal_name(const struct seal_request *request, struct seal_set *set, struct err *err);

/* -- apps -- */

struct sealed {
	struct plan_seal digests;
	char image[PATH_MAX];	/* the sealed file, which waits to be published (host/sealed.h) */
	struct strings remarks; /* sentences for the administrator */
};
void sealed_free(struct sealed *sealed);
#define AUTO_SEALED CLEANUP(sealed_free)

/* Makes the sealed file of an app, its set and its plan, which keeps a pointer to out->digests. Errors as seal_make's;
 * -EINVAL names the way out. */
int seal_build(struct store *store, const struct app *app, int64_t generation,
	       struct view_plan *plan, struct sealed *out, struct err *err);

/* The ID of the set that the app's pins give. */
int seal_id(struct store *store, const struct app *app, char id[LAYER_ID], struct err *err);
