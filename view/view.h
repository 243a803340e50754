/*
 * Views: from an app's pins to the files that lie over the live system, and to the plan.
 *
 * Each file of a pinned version lands at the canonical place of its directory on the live system.
 * The loader looks a library up by its soname, so that name is there too; and wherever a copy of
 * the live system could be chosen instead (program_places: hwcaps variants, entries of the
 * loader's cache, DT_RPATH and DT_RUNPATH), the view shows a link to the pinned file. So the pin
 * wins by place alone: the live ld.so.cache stays true and nothing of it is copied.
 *
 * Left out are files that belong to the machine or that no program loads: programs, /etc, /var,
 * /usr/include, documentation. Hidden is what the live system has in directories that belong to
 * glibc as a whole, if a pin brings some of it.
 */
#pragma once

#include "base/err.h"
#include "base/paths.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "store/layer.h"

#include <limits.h>

struct view {
	struct layer_entry *entries; /* path and target are the view's */
	size_t nentries;
	char **targets; /* of covers, sorted */
	size_t ntargets;
};

/* Decides; changes nothing. The app's program is read where wrap_program finds it. */
int view_compile(struct store *store, const struct app *app, struct view *out, struct err *err);
/* The same of versions at hand, whatever app's pins are. Where two bring one path, one of the first
 * preferred versions wins. */
int view_of(const struct app *app, const struct versions *versions, size_t preferred,
	    struct view *out, struct err *err);
/* Whether the view shows a file or a link at path, which is canonical. */
bool view_shows(const struct view *view, const char *path);
void view_free(struct view *view);
#define AUTO_VIEW CLEANUP(view_free)

/* The versions that the app's pins mean, in their order. */
int app_versions(struct store *store, const struct app *app, struct versions *out, struct err *err);

/* Whether a view can show a file at path, which is canonical: -EPERM, with err as the rest of a
 * sentence about it ("lies in a directory that ..."). */
int view_may_show(const char *path, struct err *err);

/* A plan and the strings it points to; its filter is the app's. */
struct view_plan {
	struct plan plan;
	char real[PATH_MAX];
	char label[PLAN_LABEL_MAX];
	char id[LAYER_ID]; /* "none" without pins */
	char layers[PLAN_COVERS_MAX][sizeof PINLIB_LAYERS + LAYER_ID + 24];
	struct view view;
};

/* Compiles, builds the layer where it is missing, and fills the plan in. */
int view_build(struct store *store, const struct app *app, int64_t generation,
	       struct view_plan *out, struct err *err);
void view_plan_free(struct view_plan *plan);
#define AUTO_VIEW_PLAN CLEANUP(view_plan_free)
