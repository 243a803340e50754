#include "change/drift.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/paths.h"
#include "dpkg/installed.h"
#include "host/wrap.h"
#include "seal/seal.h"
#include "store/layer_spec.h"
#include "store/layer_verify.h"
#include "view/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int drift_expect(const struct apps *apps, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < apps->count; i++)
		for (size_t k = 0; r == 0 && k < apps->items[i].npins; k++)
			r = installed_expect(apps->items[i].pins[k].name, err);
	return r;
}

static bool filters_agree(const struct plan *plan, const struct confinement *confined)
{
	size_t size = plan->filter_ops * sizeof *plan->filter;

	return size == confined->size &&
	       (size == 0 || memcmp(plan->filter, confined->filter, size) == 0);
}

static bool covers_agree(const struct plan *plan, const struct view *view, const char *id)
{
	if (plan->ncovers != view->targets.count || plan_is_supplied(plan) != view->supplied ||
	    strcmp(plan->at, view->at) != 0)
		return false;
	for (size_t i = 0; i < plan->ncovers; i++) {
		char layer[sizeof PINLIB_LAYERS + LAYER_ID + 24];

		snprintf(layer, sizeof layer, "%s/%s/%zu", PINLIB_LAYERS, id, i);
		if (strcmp(plan->covers[i].target, view->targets.items[i]) != 0 ||
		    strcmp(plan->covers[i].layer, layer) != 0)
			return false;
	}
	return true;
}

/* Whether the plan, which is whole, is the one that the policy compiles to. */
static int compare_plan(const struct app *app, struct store *store, const struct plan *plan,
			struct err *err)
{
	AUTO_VIEW struct view view = {0};
	char id[LAYER_ID] = "none";
	const bool sealed = app->sealed && app->npins;
	int r = sealed ? seal_id(store, app, id, err) : view_compile(store, app, &view, err);

	if (r == 0 && view.nentries)
		r = layer_name(view.entries, view.nentries, id, err);
	if (r < 0)
		return r;
	if (sealed == (plan->seal != NULL) && plan->on_failure == app->on_failure &&
	    strncmp(plan->label, id, strlen(id)) == 0 && plan->label[strlen(id)] == ':' &&
	    (sealed || covers_agree(plan, &view, id)) && filters_agree(plan, &app->confined))
		return 0;
	return err_set(err, EINVAL, "the plan of %s does not match the policy", app->path);
}

static int load_plan(const struct app *app, struct plan_file *file, struct err *err)
{
	int r = plan_load(PINLIB_PLANS, app->path, 0, file, err);

	return r == -ENOENT ? err_set(err, ENOENT, "the plan of %s is missing", app->path) : r;
}

/* A sealed file is a copy of one program. */
static int find_source(const struct plan *plan, const char *app, struct err *err)
{
	AUTO_FD int fd = open(plan->program, O_RDONLY | O_CLOEXEC);
	char set[sizeof PINLIB_LAYERS + LAYER_ID + 8];
	struct digest found;
	int r = fd < 0 ? err_sys(err, errno, "the program of %s, %s", app, plan->program)
		       : digest_fd(fd, &found, err);

	if (r == 0 && memcmp(found.bytes, plan->seal->source, sizeof found.bytes) != 0)
		r = err_set(err, ESTALE, "%s is sealed, and its original, %s, was replaced", app,
			    plan->program);
	snprintf(set, sizeof set, "%s/%.*s/0", PINLIB_LAYERS, LAYER_ID - 1, plan->label);
	if (r == 0 && access(set, F_OK) < 0)
		r = err_sys(err, errno, "the set of %s, %s", app, set);
	return r;
}

static int find_files(const struct plan *plan, const char *app, struct err *err)
{
	if (plan->seal)
		return find_source(plan, app, err);
	if (access(plan->program, X_OK) < 0)
		return err_sys(err, errno, "the program of %s, %s", app, plan->program);
	for (size_t i = 0; i < plan->ncovers; i++) {
		if (access(plan->covers[i].layer, F_OK) < 0)
			return err_sys(err, errno, "the layer of %s, %s", app,
				       plan->covers[i].layer);
		if (access(plan->covers[i].target, F_OK) < 0)
			return err_sys(err, errno, "a directory that %s needs, %s", app,
				       plan->covers[i].target);
	}
	return 0;
}

int drift_find_files(const struct app *app, struct plan_file *file, struct err *err)
{
	int r = load_plan(app, file, err);

	if (r == 0)
		r = find_files(&file->plan, app->path, err);
	return r < 0 ? r : wrap_check(app->path, err);
}

int drift_find(const struct app *app, struct store *store, struct plan_file *file, struct err *err)
{
	int r = drift_find_files(app, file, err);

	return r < 0 ? r : compare_plan(app, store, &file->plan, err);
}

int drift_find_deep(const struct app *app, struct store *store, struct plan_file *file,
		    struct err *err)
{
	AUTO_FD int layers = -1;
	char id[LAYER_ID];
	int r = drift_find(app, store, file, err);

	if (r < 0 ||
	    (file->plan.ncovers == 0 && !file->plan.seal && !plan_is_supplied(&file->plan)))
		return r;
	layers = open(PINLIB_LAYERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layers < 0)
		return err_sys(err, errno, "cannot open %s", PINLIB_LAYERS);
	snprintf(id, sizeof id, "%s", file->plan.label);
	r = layer_check(layers, id, NULL, NULL, err);
	if (r < 0)
		return r;
	return r == 0 ? 0 : err_set(err, EBADMSG, "the layer of %s is damaged", app->path);
}
