/*
 * Views: from an app's pins to the files that overlayfs shows over the live system, and to the plan.
 *
 * Each file of a pinned version appears in its directory on the live system (view/compose.h). Where
 * the app's loader could choose another copy, the view shows a link to the pinned file
 * (view/places.h). The directories that hold all these paths are covered (view/covers.h). If a
 * version has the app's program itself (policy/supply.h), the layer has one more tree with it.
 */
#pragma once

#include "base/err.h"
#include "base/paths.h"
#include "base/strings.h"
#include "base/sysroot.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "store/layer.h"

#include <limits.h>

struct view {
	struct layer_entry *entries; /* the view owns path and target */
	size_t nentries;
	struct strings targets; /* of the covers, sorted */
	bool supplied; /* a pinned version has the app's program, the only file of the last tree */
	char at[PATH_MAX]; /* where the view shows the program: the app's path, or after `set --as` the
			      program's in its version */
};

/* Decides what the view of an app shows, and changes nothing. The app's program is read where
 * app_file_find finds it. A target below /etc need not exist (change/directories.h). The caller frees *out. */
int view_compile(struct store *store, const struct app *app, struct view *out, struct err *err);
/* The same for these versions instead of the app's pins. If two have the same path, one of the first
 * preferred versions wins. All targets exist. */
int view_of(const struct app *app, const struct versions *versions, size_t preferred,
	    struct view *out, struct err *err);
/* Whether the view shows a file or a link at path, which is canonical. */
bool view_shows(const struct view *view, const char *path);
void view_free(struct view *view);
#define AUTO_VIEW CLEANUP(view_free)

/* Whether a view can show a file at path, which is canonical. -EPERM: no; err is the rest of a
 * sentence about the path ("cannot be shown ..."). */
int view_may_show(const char *path, struct err *err);

/* A plan and the strings that it points to. The plan's filter belongs to the app. */
struct view_plan {
	struct plan plan;
	char real[PATH_MAX];
	char label[PLAN_LABEL_MAX];
	char id[LAYER_ID]; /* "none" without pins */
	char layers[PLAN_COVERS_MAX][sizeof PINLIB_LAYERS + LAYER_ID + 24];
	char program[sizeof PINLIB_LAYERS + LAYER_ID + 24 + NAME_MAX]; /* if it is supplied */
	struct view view;
};

/* Compiles the view, builds its layer if that is missing, and fills in the plan. */
int view_build(struct store *store, const struct app *app, int64_t generation,
	       struct view_plan *out, struct err *err);
/* Fills in a plan whose view and id are set. Tree n of the layer is layers/n; real is kept. */
void view_plan_fill(struct view_plan *out, const struct app *app, const char *real,
		    const char *layers, int64_t generation);
/* Sets the generation of a plan that is filled in. */
void view_plan_date(struct view_plan *plan, int64_t generation);
void view_plan_free(struct view_plan *plan);

/* The directory of the store's objects, canonical, to which the libraries of sealed programs lead. */
const char *view_objects(void);

/* The file system as a plan shows it; of a sealed app, whose sealed file is at its path. live is the app's live program (wrap_program); the view shows it
 * unless a pinned version supplies the program. Points into both. */
struct sysroot view_sysroot(const struct plan *plan, const char *live);
