#include "view/view.h"

#include "base/path.h"
#include "host/app_file.h"
#include "host/original.h"
#include "host/sealed.h"
#include "plan/write.h"
#include "view/compose.h"
#include "view/config.h"
#include "view/covers.h"
#include "view/glibc.h"
#include "view/places.h"
#include "view/replaced.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int view_may_show(const char *path, struct err *err)
{
	char cover[PATH_MAX];
	struct err why;

	if (!compose_shows(path))
		return err_set(err, EPERM, "is in a directory that views leave alone");
	if (cover_of_path(path, cover, &why) < 0)
		return err_set(err, EPERM, "cannot be shown in a view: %s", why.text);
	return 0;
}

bool view_shows(const struct view *view, const char *path)
{
	for (size_t i = 0; i < view->nentries; i++) {
		const struct layer_entry *e = &view->entries[i];
		const char *target =
			e->cover < view->targets.count ? view->targets.items[e->cover] : NULL;
		size_t len = target ? strlen(target) : 0;

		if (target && e->type != LAYER_DIR && strncmp(path, target, len) == 0 &&
		    path[len] == '/' && strcmp(path + len + 1, e->path) == 0)
			return true;
	}
	return false;
}

void view_free(struct view *view)
{
	for (size_t i = 0; i < view->nentries; i++) {
		free((char *)view->entries[i].path);
		free((char *)view->entries[i].target);
	}
	free(view->entries);
	strings_free(&view->targets);
	*view = (struct view){0};
}

/* -- composing -- */

/* Entries of versions that are programs of the view. */
struct view_programs {
	const char *path;	 /* of the app */
	const struct entry *app; /* if a version supplies it, or NULL */
	struct supply_way way;	 /* to the interpreter of a script */
};

/* Whether a view can show a program of a version in a directory of commands. */
static bool may_show_command(const struct entry *e)
{
	struct compose_dir last = {0};
	char path[PATH_MAX];
	struct err ignored;

	return e->type != ENTRY_DIR && supply_is_command(e->path) &&
	       compose_live_path(&last, e->path, path, &ignored) == 0 &&
	       cover_may_show_program(path);
}

/* The live system has no program that the app could start in its place. */
static bool live_lacks(const struct entry *e)
{
	struct stat st;

	return lstat(e->path, &st) < 0 && errno == ENOENT;
}

/* A program that `set --as` brought may find its files by its own path, as cmake does. */
static int find_place(const struct app *app, const struct view_programs *of, char at[PATH_MAX],
		      struct err *err)
{
	struct compose_dir last = {0};

	if (app->program && of->app && (compose_shows(of->app->path) || may_show_command(of->app)))
		return compose_live_path(&last, of->app->path, at, err);
	snprintf(at, PATH_MAX, "%s", app->path);
	return 0;
}

/* Whether the version is the one that supplies the app. */
static bool supplies_app(const struct view_programs *of, const struct version *v)
{
	return of->app && version_entry(v, of->app->path) == of->app;
}

static int compose_program(struct composition *c, struct compose_dir *last,
			   const struct view_programs *of, const struct version *v,
			   const struct entry *e, struct err *err)
{
	char path[PATH_MAX];
	size_t at = c->count;
	int r = compose_live_path(last, e->path, path, err);

	if (r < 0 || strcmp(path, of->path) == 0) /* the wrapper mounts the app itself */
		return r;
	r = compose_entry(c, last, v, e, err);
	for (; at < c->count; at++)
		c->items[at].exempt = true;
	return r;
}

static int compose_version(struct composition *c, struct place_loader *l, const struct version *v,
			   const struct view_programs *of, struct err *err)
{
	const bool own = supplies_app(of, v);
	struct compose_dir last = {0};
	size_t before = c->count;

	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];
		int r = 0;

		if (!compose_has_room(e->path))
			continue;
		if (compose_shows(e->path)) {
			r = compose_entry(c, &last, v, e, err);
			if (r == 0)
				r = places_add(c, l, &last, v, e, err);
		} else if (supply_way_has(&of->way, e) ||
			   (of->app && (own || live_lacks(e)) && may_show_command(e))) {
			r = compose_program(c, &last, of, v, e, err);
		}
		if (r < 0)
			return err_wrap(err, r, "%s %s", v->name, v->version);
	}
	/* A program that is brought may need packages that only name others. */
	if (c->count == before && !of->app)
		return err_set(err, ENOENT, "%s %s has no files that a view could show", v->name,
			       v->version);
	return 0;
}

/* The further directory of a version's pin; NULL without one. */
static const char *place_of(const struct app *app, const struct version *v)
{
	for (size_t i = 0; i < app->npins; i++)
		if (digest_equal(&app->pins[i].digest, &v->digest))
			return app->pins[i].place;
	return NULL;
}

static int compose_versions(struct composition *c, struct place_loader *l, const struct app *app,
			    size_t preferred, const struct view_programs *of, struct err *err)
{
	const struct versions *versions = of->way.pinned;

	for (size_t i = 0; i < versions->count; i++) {
		size_t before = c->count;
		int r;

		l->place = place_of(app, &versions->items[i]);
		r = compose_version(c, l, &versions->items[i], of, err);
		if (r < 0)
			return r;
		if (i < preferred)
			composition_prefer(c, before);
	}
	return 0;
}

/* The app's path leads to where its program is, also for a program that looks for itself in PATH, as gcc does. */
static int compose_app_link(struct composition *c, const struct app *app, const char *at,
			    struct err *err)
{
	const struct composed link = {
		.entry.type = LAYER_LINK, .rank = COMPOSE_APP, .exempt = true};

	if (strcmp(at, app->path) == 0 || !cover_may_show_program(app->path))
		return 0;
	return composition_add(c, app->path, at, link, err);
}

static int hide_live_glibc(struct composition *c, const struct place_loader *l, struct err *err)
{
	char dir[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && glibc_dir(&l->program, i, dir); i++)
		r = composition_hide_live(c, dir, err);
	return r;
}

/* Divides the composition among the covers. */
static int take_entries(struct composition *c, struct view *view, struct err *err)
{
	view->entries = calloc(c->count + 2, sizeof *view->entries);
	if (!view->entries)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++) {
		struct composed *it = &c->items[i];
		struct layer_entry *e = &view->entries[view->nentries++];

		*e = it->entry;
		e->cover = covers_index(&view->targets, it->path);
		e->path = strdup(it->path + strlen(view->targets.items[e->cover]) + 1);
		if (!e->path)
			return err_nomem(err);
		e->target = it->target;
		it->target = NULL;
	}
	return 0;
}

/* A tree of its own, since the wrapper mounts the file and no directory. */
static int take_program(const struct entry *program, struct view *view, struct err *err)
{
	struct layer_entry *e = &view->entries[view->nentries];

	if (!program)
		return 0;
	*e = (struct layer_entry){
		.cover = view->targets.count,
		.type = LAYER_FILE,
		.path = strdup(path_base(view->at)),
		.mode = 0755,
		.time = program->time,
		.content = program->content,
	};
	if (!e->path)
		return err_nomem(err);
	view->nentries++;
	view->supplied = true;
	return 0;
}

static void loader_free(struct place_loader *l)
{
	program_free(&l->program);
}

/* at is out's, and has to last as long. */
static int read_loader(const struct app *app, struct place_loader *out, struct view_programs *of,
		       char at[PATH_MAX], struct err *err)
{
	struct program *program = &out->program;
	char file[PATH_MAX];
	int r = app_file_of(app, of->way.pinned, file, &of->app, err);

	if (r == 0)
		r = find_place(app, of, at, err);
	if (r == 0)
		r = app_program_read(file, &of->way, program, err);
	if (r < 0)
		return r;
	if (program->kind == PROGRAM_ELF)
		program->shown = of->app || sealed_is_present(app->path);
	out->path = program->kind == PROGRAM_SCRIPT ? program->interpreter : at;
	return 0;
}

/* With makes the caller makes directories for covers. */
static int compile(const struct app *app, const struct versions *versions, size_t preferred,
		   bool makes, struct view *out, struct err *err)
{
	CLEANUP(loader_free) struct place_loader loader = {0};
	CLEANUP(composition_free) struct composition c = {0};
	AUTO_VIEW struct view view = {0};
	struct view_programs of = {.path = app->path, .way.pinned = versions};
	int r = read_loader(app, &loader, &of, view.at, err);

	if (r == 0)
		r = compose_versions(&c, &loader, app, preferred, &of, err);
	if (r == 0)
		r = compose_app_link(&c, app, view.at, err);
	if (r == 0)
		r = config_add(&c, versions, makes, err);
	if (r == 0)
		r = hide_live_glibc(&c, &loader, err);
	if (r == 0)
		r = composition_settle(&c, err);
	if (r == 0)
		r = covers_choose(&c, &view.targets, err);
	if (r == 0)
		r = replaced_hide(&c, versions, &view.targets, app->path, err);
	if (r == 0)
		r = take_entries(&c, &view, err);
	if (r == 0)
		r = take_program(of.app, &view, err);
	if (r < 0)
		return r;
	*out = view;
	view = (struct view){0};
	return 0;
}

int view_of(const struct app *app, const struct versions *versions, size_t preferred,
	    struct view *out, struct err *err)
{
	return compile(app, versions, preferred, false, out, err);
}

int view_compile(struct store *store, const struct app *app, struct view *out, struct err *err)
{
	AUTO_VERSIONS struct versions versions = {0};
	int r = supply_load(store, app, &versions, err);

	return r < 0 ? r : compile(app, &versions, 0, true, out, err);
}

/* -- the plan -- */

static int read_kind(struct store *store, const struct app *app, enum plan_kind *kind,
		     struct err *err)
{
	AUTO_PROGRAM struct program p = {0};
	char program[PATH_MAX];
	int r = app_program_find(store, app, program, &p, err);

	if (r < 0)
		return r;
	*kind = p.kind == PROGRAM_SCRIPT ? PLAN_SCRIPT : PLAN_ELF;
	return 0;
}

void view_plan_date(struct view_plan *out, int64_t generation)
{
	plan_label(out->label, out->id, (uint64_t)generation, out->plan.app);
	out->plan.generation = (uint64_t)generation;
}

void view_plan_fill(struct view_plan *out, const struct app *app, const char *real,
		    const char *layers, int64_t generation)
{
	struct plan *plan = &out->plan;

	plan->on_failure = app->on_failure;
	plan->app = app->path;
	plan->at = out->view.at;
	view_plan_date(out, generation);
	plan->real = plan->program = real;
	plan->label = out->label;
	plan->ncovers = out->view.targets.count;
	for (size_t i = 0; i < plan->ncovers; i++) {
		snprintf(out->layers[i], sizeof out->layers[i], "%s/%zu", layers, i);
		plan->covers[i].target = out->view.targets.items[i];
		plan->covers[i].layer = out->layers[i];
	}
	if (!out->view.supplied)
		return;
	snprintf(out->program, sizeof out->program, "%s/%zu/%.255s", layers, plan->ncovers,
		 path_base(plan->at));
	plan->program = out->program;
}

int view_build(struct store *store, const struct app *app, int64_t generation,
	       struct view_plan *out, struct err *err)
{
	char layers[sizeof PINLIB_LAYERS + LAYER_ID];
	int r = original_path(app->path, out->real, err);

	if (r == 0)
		r = read_kind(store, app, &out->plan.kind, err);
	if (r == 0)
		r = view_compile(store, app, &out->view, err);
	snprintf(out->id, sizeof out->id, "none");
	if (r == 0 && out->view.nentries)
		r = layer_build(store, PINLIB_LAYERS, out->view.entries, out->view.nentries,
				out->id, err);
	if (r < 0)
		return r;
	snprintf(layers, sizeof layers, "%s/%s", PINLIB_LAYERS, out->id);
	view_plan_fill(out, app, out->real, layers, generation);
	out->plan.filter = app->confined.filter;
	out->plan.filter_ops = app->confined.size / sizeof *out->plan.filter;
	return 0;
}

void view_plan_free(struct view_plan *plan)
{
	view_free(&plan->view);
}

const char *view_objects(void)
{
	static char objects[PATH_MAX];
	static bool known; /* after a failure realpath(3) leaves a part of the path */

	known = known || realpath(PINLIB_STORE "/objects", objects);
	return known ? objects : PINLIB_STORE "/objects";
}

struct sysroot view_sysroot(const struct plan *plan, const char *live)
{
	struct sysroot sysroot = {
		.covers = plan->covers, .ncovers = plan->ncovers, .label = plan->label};
	const char *program = plan_is_supplied(plan) ? plan->program : live;

	if (plan->seal)
		return (struct sysroot){.objects = view_objects()};

	if (strcmp(program, plan->at) != 0) {
		sysroot.app = plan->at;
		sysroot.real = program;
	}
	return sysroot;
}
