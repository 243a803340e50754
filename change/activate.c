#include "change/activate.h"

#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/progress.h"
#include "host/mounted.h"
#include "host/script.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "plan/read.h"
#include "plan/write.h"
#include "store/layer_spec.h"
#include "view/verdict.h"
#include "view/view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define PENDING PINLIB_STATE "/pending"
#define PENDING_MAX (256u << 20)

/* What one app is to become. wrapped is false if nothing of pinlib is to stay. */
struct step {
	bool wrapped;
	struct app app;
	struct view_plan plan;
};

static void step_free(struct step **step)
{
	if (!*step)
		return;
	app_free(&(*step)->app);
	view_plan_free(&(*step)->plan);
	free(*step);
	*step = NULL;
}
#define AUTO_STEP CLEANUP(step_free)

static void report_all(const struct activate_how *how, const struct strings *s)
{
	for (size_t i = 0; how->report && i < s->count; i++)
		how->report(how->ctx, s->items[i]);
}

/* Tries the view out; what comes of it is the policy's to remember. */
static int try_out(struct policy *policy, struct store *store, const struct step *s,
		   const struct activate_how *how, struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	AUTO_VERDICT struct verdict v = {0};
	const struct app *app = &s->app;
	char program[PATH_MAX];
	struct sysroot sysroot;
	bool held, forced;
	int r = wrap_program(app->path, program, err);

	if (r == 0)
		r = app_versions(store, app, &pinned, err);
	if (r < 0)
		return r;
	sysroot = plan_sysroot(&s->plan.plan, program);
	r = verdict_reach(store, app, &pinned, &sysroot, &v, err);
	if (r < 0)
		return r;
	held = v.against.count == 0;
	forced = !held && (how->force || app->forced);
	report_all(how, &v.remarks);
	if (held || forced) {
		report_all(how, &v.against);
		return policy_wrap(policy, app->path, app->on_failure, forced, err);
	}
	for (size_t i = 1; how->report && i < v.against.count; i++)
		how->report(how->ctx, v.against.items[i]);
	return err_set(err, ECANCELED, "%s would not work with these pins: %s", app->path,
		       v.against.items[0]);
}

/* A plan that this pinlib writes might be more than the wrapper in place can read. */
static int refuse_half_upgraded(struct err *err)
{
	if (access(PINLIB_UPGRADING, F_OK) < 0)
		return 0;
	return err_set(err, EBUSY,
		       "pinlib was upgraded, and its wrapper not yet: 'dpkg --configure pinlib' "
		       "completes that");
}

/* In a view pinlib would take the pinned files for the live system's, and leads itself out by
 * starting anew: as an app it would find itself in its view again, and nothing could unset it. */
static int refuse_ourselves(const char *path, struct err *err)
{
	char own[PATH_MAX];
	struct err ignored;

	if (path_place(PINLIB_COMMAND, own, &ignored) < 0 || strcmp(path, own) != 0)
		return 0;
	return err_set(err, EINVAL, "%s is pinlib itself: it has to see the live system", path);
}

/* Whether it makes sense at all, whatever its versions are. */
static int refuse_senseless(const char *path, struct dpkg_says *says, struct err *err)
{
	char plan_name[NAME_MAX + 1];
	int r = refuse_half_upgraded(err);

	if (r == 0)
		r = refuse_ourselves(path, err);
	if (r == 0)
		r = plan_file_name(path, plan_name, err);
	return r < 0 ? r : wrap_allowed(path, says, err);
}

/* Everything that may fail for want of space, rights or sense. Without how the view is not tried
 * out: that was done before it was committed. */
static int prepare(struct policy *policy, struct store *store, const char *path,
		   struct dpkg_says *says, const struct activate_how *how, struct step **out,
		   struct err *err)
{
	AUTO_STEP struct step *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return err_nomem(err);
	r = policy_app(policy, path, POLICY_NOW, &s->app, err);
	if (r < 0 && r != -ENOENT)
		return r;
	s->wrapped = r == 0;
	/* Where nothing is to be taken away, what is mounted there is in nobody's way. */
	r = s->wrapped || wrap_traces(path) ? mounted_refuse(path, err) : 0;
	if (r < 0)
		return r;
	if (s->wrapped) {
		r = refuse_senseless(path, says, err);
		if (r == 0) /* the loader is asked about it by that name */
			r = wrap_restore(path, err);
		if (r == 0)
			r = view_build(store, &s->app, policy_current(policy), &s->plan, err);
		if (r == 0 && how)
			r = try_out(policy, store, s, how, err);
		if (r == 0)
			r = wrap_prepare(path, says, err);
		if (r < 0)
			return r;
	}
	*out = s;
	s = NULL;
	return 0;
}

/* The plan comes before the wrapper that reads it and goes after it. */
static int show(const char *path, const struct step *s, struct dpkg_says *says, struct err *err)
{
	int r;

	if (s->wrapped) {
		r = file_mkdirs(PINLIB_PLANS, err);
		if (r == 0)
			r = plan_publish(PINLIB_PLANS, &s->plan.plan, err);
		if (r == 0)
			r = wrap_install(path, err);
	} else {
		r = wrap_remove(path, says, err);
		if (r == 0)
			r = plan_remove(PINLIB_PLANS, path, err);
	}
	return r;
}

static int end_pending(struct err *err)
{
	if (unlink(PENDING) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", PENDING);
	return 0;
}

/* Writes the list: what an earlier command left there and is not ours, then ours if it is not done
 * yet. Without either there is no list. */
static int note_pending(const struct strings *left, const struct strings *ours, bool done,
			struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return err_nomem(err);
	for (size_t i = 0; i < left->count; i++)
		if (!strings_have(ours, left->items[i]))
			fprintf(f, "%s\n", left->items[i]);
	for (size_t i = 0; i < ours->count && !done; i++)
		fprintf(f, "%s\n", ours->items[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return len ? file_publish(AT_FDCWD, PENDING, text, len, 0600, err) : end_pending(err);
}

int activate_pending(struct strings *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len, lines = 0;
	int r = file_read_at(AT_FDCWD, PENDING, PENDING_MAX, &text, &len, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	out->items = calloc(lines + 1, sizeof *out->items);
	if (!out->items)
		return err_nomem(err);
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		out->items[out->count] = strdup(line);
		if (!out->items[out->count])
			return err_nomem(err);
		out->count++;
	}
	return 0;
}

static int prepare_all(struct policy *policy, struct store *store, const struct strings *paths,
		       const struct activate_how *how, struct step **steps, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(paths->items, paths->count);

	for (size_t i = 0; i < paths->count; i++) {
		int r = prepare(policy, store, paths->items[i], &says, how, &steps[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int show_all(const struct strings *paths, struct step **steps, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(paths->items, paths->count);

	for (size_t i = 0; i < paths->count; i++) {
		int r = show(paths->items[i], steps[i], &says, err);

		if (r < 0)
			return err_wrap(err, r, "%s", paths->items[i]);
	}
	return 0;
}

/* The wrapper reads plans of an older pinlib too; with the first change by a newer one they become
 * its own, and then that can end one day. Before the commit: what is cut short is begun anew. */
static int renew_plans(struct policy *policy, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_is_older(policy) ? policy_apps(policy, POLICY_NOW, &apps, err) : 0;

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		r = plan_renew(PINLIB_PLANS, apps.items[i].path, err);
	return r;
}

/* Brings the apps to what the committed policy says, after a failure; the failure is what is
 * told. */
static void go_back(struct store *store)
{
	AUTO_POLICY struct policy *old = NULL;
	struct err ignored;

	if (policy_open(&old, &ignored) == 0)
		activate_recover(old, store, &ignored);
}

/* After a failure that came with the commit or later; r and err are the failure's. */
static int take_back(struct policy *policy, struct store *store, int r, struct err *err)
{
	struct err why;

	if (policy_revert(policy, &why) == 0) {
		go_back(store);
		return r;
	}
	return err_wrap(err, r,
			"the change is made only in part, and cannot be taken back (%s): the next "
			"pinlib command that can completes it",
			why.text);
}

/* Lost where the wrapper was copied or restored, or installed with DESTDIR. No reason against a pin: root's
 * programs start all the same. */
static void remark_wrapper(const struct strings *paths, struct step **steps,
			   const struct activate_how *how)
{
	bool wrapped = false;

	for (size_t i = 0; i < paths->count; i++)
		wrapped |= steps[i]->wrapped;
	if (!wrapped || !how->report ||
	    getxattr(PINLIB_WRAPPER, "security.capability", NULL, 0) >= 0 || errno != ENODATA)
		return;
	how->report(how->ctx, PINLIB_WRAPPER
		    " has no file capability: for ordinary users the program does not start, or "
		    "without its pins; 'pinlib doctor' says what to do");
}

static int carry_out(struct policy *policy, struct store *store, const struct strings *paths,
		     struct step **steps, const char *command, const struct activate_how *how,
		     int64_t *generation, struct err *err)
{
	AUTO_STRINGS struct strings left = {0};
	struct err ignored;
	int r = activate_pending(&left, err);

	if (r == 0)
		r = note_pending(&left, paths, false, err);
	if (r < 0)
		return r;
	r = prepare_all(policy, store, paths, how, steps, err);
	if (r == 0)
		r = renew_plans(policy, err);
	if (r < 0) {
		go_back(store);
		return r;
	}
	r = store_sync(store, err);
	if (r < 0) {
		go_back(store);
		return r;
	}
	r = policy_commit(policy, command, generation, err);
	if (r == 0)
		r = show_all(paths, steps, err);
	if (r < 0)
		return take_back(policy, store, r, err);
	policy_settle(policy);
	remark_wrapper(paths, steps, how);
	/* The change is made. A list that still names it costs the next command a look. */
	if (units_follow(policy, how->report, how->ctx))
		note_pending(&left, paths, true, &ignored);
	return 0;
}

int activate(struct policy *policy, struct store *store, const struct strings *paths,
	     const char *command, const struct activate_how *how, int64_t *generation,
	     struct err *err)
{
	static const struct activate_how quietly = {0};
	struct step **steps = calloc(paths->count + 1, sizeof *steps);
	int r;

	if (!steps)
		return err_nomem(err);
	r = script_check(policy, paths, err);
	if (r == 0)
		r = carry_out(policy, store, paths, steps, command, how ? how : &quietly,
			      generation, err);
	for (size_t i = 0; i < paths->count; i++)
		step_free(&steps[i]);
	free(steps);
	return r;
}

/* -- recovery -- */

int activate_app(struct policy *policy, struct store *store, const char *path, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&path, 1);
	AUTO_STEP struct step *s = NULL;
	int r = prepare(policy, store, path, &says, NULL, &s, err);

	return r < 0 ? r : show(path, s, &says, err);
}

int activate_recover(struct policy *policy, struct store *store, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	struct strings left = {0}, none = {0};
	int first = 0, r = activate_pending(&paths, err);

	if (r < 0 || !paths.items)
		return r;
	/* The policy may have come by a rename that is not on the disk yet. */
	r = file_sync_parent(AT_FDCWD, PENDING, err);
	if (r < 0)
		return r;
	left.items = paths.items; /* those that stay move to the front; it owns nothing */
	for (size_t i = 0; i < paths.count; i++) {
		struct err why;
		char *path = paths.items[i];

		r = activate_app(policy, store, path, &why);
		if (r == 0)
			continue;
		if (first == 0) {
			first = r;
			err_set(err, -r, "%s could not be repaired: %s", path, why.text);
		}
		paths.items[i] = left.items[left.count];
		left.items[left.count++] = path;
	}
	if (!units_follow(policy, NULL, NULL) && first == 0)
		return 0;
	if (first == 0)
		return end_pending(err);
	note_pending(&left, &none, false, &(struct err){0});
	return first;
}

/* -- what is in force -- */

static int layer_of(const char *path, struct plan_file *file, char **id, struct err *err)
{
	int r = plan_load(PINLIB_PLANS, path, 0, file, err);

	if (r < 0)
		return r;
	*id = strndup(file->plan.label, strcspn(file->plan.label, ":"));
	return *id ? 0 : err_nomem(err);
}

int activate_layers(struct policy *policy, struct strings *ids, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	int r;

	if (!file)
		return err_nomem(err);
	r = policy_apps(policy, POLICY_NOW, &apps, err);
	if (r < 0)
		return r;
	ids->items = calloc(apps.count + 1, sizeof *ids->items);
	if (!ids->items)
		return err_nomem(err);
	for (size_t i = 0; i < apps.count; i++) {
		r = layer_of(apps.items[i].path, file, &ids->items[ids->count], err);
		if (r == 0)
			ids->count++;
		else if (r != -ENOENT)
			return err_wrap(err, r, "cannot tell which layer %s uses",
					apps.items[i].path);
	}
	return 0;
}

static bool filters_agree(const struct plan *plan, const struct confinement *confined)
{
	size_t size = plan->filter_ops * sizeof *plan->filter;

	return size == confined->size &&
	       (size == 0 || memcmp(plan->filter, confined->filter, size) == 0);
}

/* Whether the plan, which is whole, is the one that the policy means. */
static int compare(const struct app *app, const struct view *view, const struct plan *plan,
		   struct err *err)
{
	char id[LAYER_ID] = "none";
	bool same = view->ntargets == plan->ncovers && plan->on_failure == app->on_failure;
	int r = view->nentries ? layer_name(view->entries, view->nentries, id, err) : 0;

	if (r < 0)
		return r;
	same = same && strncmp(plan->label, id, strlen(id)) == 0 && plan->label[strlen(id)] == ':';
	for (size_t i = 0; same && i < plan->ncovers; i++) {
		char layer[sizeof PINLIB_LAYERS + LAYER_ID + 24];

		snprintf(layer, sizeof layer, "%s/%s/%zu", PINLIB_LAYERS, id, i);
		same = strcmp(plan->covers[i].target, view->targets[i]) == 0 &&
		       strcmp(plan->covers[i].layer, layer) == 0;
	}
	same = same && filters_agree(plan, &app->confined);
	return same ? 0
		    : err_set(err, EINVAL, "the plan of %s is not what the policy says", app->path);
}

int activate_look(const struct app *app, struct store *store, struct plan_file *file,
		  struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&app->path, 1);
	AUTO_VIEW struct view view = {0};
	int r = wrap_fit(app->path, err);

	if (r < 0)
		return err_wrap(err, r, "%s is not in its view: its program cannot be wrapped",
				app->path);
	r = plan_load(PINLIB_PLANS, app->path, 0, file, err);
	if (r == -ENOENT && !wrap_present(app->path) && wrap_allowed(app->path, &says, err) < 0)
		return err_wrap(err, r, "%s is not in its view: its program cannot be wrapped",
				app->path);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "the plan of %s is missing", app->path);
	if (r < 0)
		return r;
	if (access(file->plan.real, X_OK) < 0)
		return err_sys(err, errno, "the original of %s, %s", app->path, file->plan.real);
	r = wrap_check(app->path, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < file->plan.ncovers; i++)
		if (access(file->plan.covers[i].layer, F_OK) < 0)
			return err_sys(err, errno, "the layer of %s, %s", app->path,
				       file->plan.covers[i].layer);
	r = view_compile(store, app, &view, err);
	return r < 0 ? r : compare(app, &view, &file->plan, err);
}

int activate_examine(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		     struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct err why;
	int findings = 0, r;

	if (!file)
		return err_nomem(err);
	r = policy_apps(policy, POLICY_NOW, &apps, err);
	progress_begin("comparing programs with the policy", PROGRESS_ITEMS, apps.count);
	for (size_t i = 0; r == 0 && i < apps.count; i++) {
		if (activate_look(&apps.items[i], store, file, &why) < 0) {
			report(ctx, why.text);
			findings++;
		}
		progress_step(1);
	}
	progress_end();
	return r < 0 ? r : findings;
}

int activate_verify(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		    struct err *err)
{
	struct err why;
	int r = activate_examine(policy, store, report, ctx, err);

	if (r < 0 || wrap_wrapper_alone(&why) == 0)
		return r;
	report(ctx, why.text);
	return r + 1;
}

/* -- repair -- */

/* Whether layer, plan and wrapper of the app are what they should be. */
static bool is_well(const struct app *app, struct store *store, int layers, struct plan_file *file)
{
	struct err ignored;
	char id[LAYER_ID];

	if (activate_look(app, store, file, &ignored) < 0)
		return false;
	if (file->plan.ncovers == 0)
		return true;
	snprintf(id, sizeof id, "%s", file->plan.label);
	return layers >= 0 && layer_check(layers, id, NULL, NULL, &ignored) == 0;
}

static void say_repaired(report_fn *report, void *ctx, const char *app, const char *what, int r,
			 const struct err *why)
{
	char text[PATH_MAX + ERR_TEXT_MAX];

	if (r == 0)
		snprintf(text, sizeof text, "%s: %srepaired", app, what);
	else
		snprintf(text, sizeof text, "%s: %scannot be repaired: %s", app, what, why->text);
	report(ctx, text);
}

/* Of programs whose wrapper stands; wrap_prepare does that of the others. */
static int repair_diversions(const struct apps *apps, report_fn *report, void *ctx, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	AUTO_DPKG_SAYS struct dpkg_says says = {0};
	int repaired = 0, r = 0;

	for (size_t i = 0; r == 0 && i < apps->count; i++)
		if (wrap_present(apps->items[i].path))
			r = strings_add(&paths, apps->items[i].path, err);
	says = DPKG_SAYS_OF(paths.items, paths.count);
	for (size_t i = 0; r >= 0 && i < paths.count; i++) {
		struct err why;

		r = divert_agrees(&says, paths.items[i], err);
		if (r != 0)
			continue;
		say_repaired(report, ctx, paths.items[i],
			     "its diversion: ", divert_begin(&says, paths.items[i], &why), &why);
		repaired++;
	}
	return r < 0 ? r : repaired;
}

int activate_repair(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		    struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	AUTO_FD int layers = open(PINLIB_LAYERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int repaired = 0, r;

	if (!file)
		return err_nomem(err);
	r = policy_apps(policy, POLICY_NOW, &apps, err);
	for (size_t i = 0; r == 0 && i < apps.count; i++) {
		const char *path = apps.items[i].path;
		struct err why;

		if (is_well(&apps.items[i], store, layers, file))
			continue;
		say_repaired(report, ctx, path, "", activate_app(policy, store, path, &why), &why);
		repaired++;
	}
	if (r == 0)
		r = repair_diversions(&apps, report, ctx, err);
	return r < 0 ? r : repaired + r;
}
