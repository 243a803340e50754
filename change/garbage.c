#include "change/garbage.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/strings.h"
#include "host/unit.h"
#include "plan/read.h"
#include "seal/record.h"
#include "store/layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAUNCH_MS 100 /* a launch that nobody stops takes less than one */

/* -- labels: "LAYER:GENERATION:APP" -- */

/* POLICY_NOW if the label is none of pinlib's. */
static int64_t label_generation(const char *label)
{
	const char *colon = strchr(label, ':');
	char *end;
	long long generation;

	if (!colon)
		return POLICY_NOW;
	generation = strtoll(colon + 1, &end, 10);
	return *end == ':' && generation >= 0 ? generation : POLICY_NOW;
}

static bool label_names_layer(const char *label, const char *id)
{
	size_t len = strlen(id);

	return strncmp(label, id, len) == 0 && label[len] == ':';
}

static int add_label_layer(struct strings *ids, const char *label, struct err *err)
{
	return strings_addf(ids, err, "%.*s", (int)strcspn(label, ":"), label);
}

static bool layer_exists(const char *label)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, PINLIB_LAYERS "/%.*s", (int)strcspn(label, ":"), label);
	return !strchr(path + strlen(PINLIB_LAYERS) + 1, '/') && access(path, F_OK) == 0;
}

/* A user may have forged the label of a process that does not answer. That it keeps a layer of its
 * name is the least that is safe; it does not decide how many generations stay. */
static int64_t oldest_live(const struct live *live)
{
	int64_t oldest = POLICY_NOW;

	for (size_t i = 0; i < live->count; i++) {
		int64_t generation = label_generation(live->labels[i].label);

		if (!live->labels[i].only_silent && generation < oldest)
			oldest = generation;
	}
	return oldest;
}

/* -- who needs what -- */

/* Launches come before labels: each launch under way is seen as such, or its view is. */
static int find_users(struct live *live, struct err *err)
{
	int r = live_launches(LAUNCH_MS, live, err);

	if (r == 0)
		r = live_labels(live, err);
	if (r < 0)
		return err_wrap(err, r, "cannot find out which views are in use");
	if (live->is_partial)
		return err_set(err, ETIMEDOUT,
			       "cannot find out which views are in use: process %d does not show "
			       "its mount table; run 'pinlib gc' again when the process has ended",
			       live->mute.items[0]);
	return 0;
}

static int add_plan_layer(struct strings *ids, const char *app, struct plan_file *file,
			  struct err *err)
{
	int r = plan_load(PINLIB_PLANS, app, 0, file, err);

	if (r == 0)
		return add_label_layer(ids, file->plan.label, err);
	return r == -ENOENT ? 0
			    : err_wrap(err, r,
				       "cannot find out which layer %s uses; run 'pinlib "
				       "doctor'",
				       app);
}

/* The layers of the current plans, then those of the live views. */
static int needed_layers(struct policy *policy, const struct live *live, struct strings *ids,
			 size_t *planned, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	int r;

	if (!file)
		return err_nomem(err);
	r = policy_apps(policy, POLICY_NOW, &apps, err);
	for (size_t i = 0; r == 0 && i < apps.count; i++)
		r = add_plan_layer(ids, apps.items[i].path, file, err);
	*planned = ids->count;
	for (size_t i = 0; r == 0 && i < live->count; i++)
		r = add_label_layer(ids, live->labels[i].label, err);
	return r;
}

/* Files of root's `pinlib seal`. */
static int recorded_needs(bool dry_run, struct strings *ids, struct digests *versions,
			  struct err *err)
{
	AUTO_SEAL_RECORDS struct seal_records records = {0};
	struct home home;
	int r = home_find(false, &home, err);

	if (r == 0)
		r = records_read(&home, &records, err);
	if (r == 0)
		r = records_needs(&records, ids, versions, err);
	return r < 0 || dry_run ? r : records_sweep(&home, &records, err);
}

/* The sets of sealed programs that run. Only a set that is in no plan needs them. */
static int needed_sets(struct strings *ids, size_t planned, struct garbage *out, struct err *err)
{
	const struct strings plans = {ids->items, planned};
	int r = sets_used_find(&plans, &out->live, &out->sets, err);

	if (r < 0)
		return err_wrap(err, r, "cannot find out which sealed programs run");
	for (size_t i = 0; r == 0 && i < out->sets.count; i++)
		r = strings_add(ids, out->sets.items[i].id, err);
	return r;
}

static int add_needed(struct digests *out, const struct digests *also, struct err *err)
{
	struct digest *items;

	if (also->count == 0)
		return 0;
	items = reallocarray(out->items, out->count + also->count, sizeof *items);
	if (!items)
		return err_nomem(err);
	out->items = items;
	memcpy(items + out->count, also->items, also->count * sizeof *items);
	out->count += also->count;
	return 0;
}

/* The versions that the policy needs, and those in also. */
static int needed_versions(struct policy *policy, const struct digests *also, struct digests *out,
			   struct err *err)
{
	int r = policy_digests(policy, out, err);

	return r < 0 ? r : add_needed(out, also, err);
}

/* Marks the labels that keep something which the policy does not need. oldest: the first generation
 * that stays anyway. */
static int mark_holders(const struct strings *ids, size_t planned, int64_t oldest,
			struct garbage *out, struct err *err)
{
	const struct live *live = &out->live;

	out->holds = calloc(live->count + 1, sizeof *out->holds);
	if (!out->holds)
		return err_nomem(err);
	for (size_t i = 0; i < live->count; i++) {
		const struct live_label *l = &live->labels[i];
		bool is_planned = false;

		for (size_t k = 0; k < planned && !is_planned; k++)
			is_planned = label_names_layer(l->label, ids->items[k]);
		out->holds[i] = (!is_planned && layer_exists(l->label)) ||
				(!l->only_silent && label_generation(l->label) < oldest);
	}
	return 0;
}

/* -- plans that the policy does not know -- */

/* The names that the plans of the policy's programs have. */
static int known_plans(struct policy *policy, struct strings *out, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	char name[NAME_MAX + 1];
	struct err ignored; /* the program has no plan then */
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (plan_file_name(apps.items[i].path, name, &ignored) == 0)
			r = strings_add(out, name, err);
	return r;
}

/* A program whose plan the policy does not know still starts by its plan: the policy was lost, or
 * an old one was restored. Nobody knows what such a program needs, so nothing may be removed. */
static int refuse_unknown_plans(struct policy *policy, struct err *err)
{
	AUTO_STRINGS struct strings names = {0};
	AUTO_DIR DIR *dir = opendir(PINLIB_PLANS);
	struct dirent *d;
	int r;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot read %s", PINLIB_PLANS);
	r = known_plans(policy, &names, err);
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		if (d->d_name[0] != '.' && !strings_have(&names, d->d_name))
			return err_set(err, EBADMSG,
				       "%s/%s is the plan of a program that the policy does not "
				       "know; if %s was lost, restore it from a backup, else run "
				       "'pinlib doctor'",
				       PINLIB_PLANS, d->d_name, PINLIB_POLICY);
	if (r == 0 && errno)
		return err_sys(err, errno, "cannot read %s", PINLIB_PLANS);
	return r;
}

/* -- removal -- */

static size_t count_generations(struct policy *policy)
{
	AUTO_GENERATIONS struct generations gens = {0};
	struct err ignored;

	return policy_generations(policy, &gens, &ignored) == 0 ? gens.count : 0;
}

static int prune_generations(struct policy *policy, const struct live *live, int64_t keep,
			     struct garbage *out, struct err *err)
{
	int64_t committed = policy_committed(policy);
	int64_t oldest = committed - keep + 1, in_use = oldest_live(live);
	size_t before = count_generations(policy);
	int r = policy_prune(policy, oldest < in_use ? oldest : in_use, err);

	out->generations = r < 0 ? 0 : before - count_generations(policy);
	return r;
}

static int commit_prune(struct policy *policy, struct err *err)
{
	int64_t generation;
	int r = policy_commit(policy, "gc", &generation, err);

	if (r < 0)
		return r;
	policy_settle(policy);
	/* The rename of an earlier command's policy, which does not need the garbage, must not be
	 * lost either. */
	return file_sync_parent(AT_FDCWD, PINLIB_POLICY, err);
}

static int remove_layers(const struct strings *ids, size_t planned, bool dry_run,
			 struct garbage *out, struct err *err)
{
	const struct layer_keep keep = {
		.ids = (const char *const *)ids->items,
		.count = ids->count,
		.planned = planned,
		.launching = out->live.launching.count + out->live.silent.count > 0,
	};
	struct layers_gone gone = {0};
	int r = layer_gc(PINLIB_LAYERS, &keep, dry_run, &gone, err);

	out->layers = gone.removed;
	out->held = gone.held;
	return r;
}

/* Temporary files of interrupted commands, beside the policy, the plans and the drop-ins. The store
 * sweeps its own. */
static int sweep_temporary(struct err *err)
{
	int r = file_sweep(PINLIB_STATE, err);

	if (r == 0)
		r = units_sweep(err);
	return r < 0 ? r : file_sweep(PINLIB_PLANS, err);
}

void garbage_free(struct garbage *garbage)
{
	live_free(&garbage->live);
	sets_used_free(&garbage->sets);
	free(garbage->holds);
	garbage->holds = NULL;
}

/* The generations go first, then the versions that they alone needed: an interruption leaves too much, and never
 * too little. */
int garbage_collect(struct policy *policy, struct store *store, const struct digests *also,
		    int64_t keep, bool dry_run, report_fn *report, void *ctx, struct garbage *out,
		    struct err *err)
{
	AUTO_STRINGS struct strings ids = {0};
	AUTO_FREE struct digest *items = NULL;
	struct digests needed = {0}, recorded = {0};
	int64_t oldest = keep > 0 ? policy_current(policy) - keep : 0;
	size_t planned = 0;
	int r = refuse_unknown_plans(policy, err);

	if (r == 0)
		r = find_users(&out->live, err);
	if (r == 0)
		r = needed_layers(policy, &out->live, &ids, &planned, err);
	if (r == 0)
		r = needed_sets(&ids, planned, out, err);
	if (r == 0)
		r = mark_holders(&ids, planned, oldest, out, err);
	if (r == 0)
		r = recorded_needs(dry_run, &ids, &recorded, err);
	if (r == 0 && keep > 0)
		r = prune_generations(policy, &out->live, keep, out, err);
	if (r == 0)
		r = needed_versions(policy, also, &needed, err);
	if (r == 0)
		r = sets_used_versions(&out->sets, store, &needed, err);
	if (r == 0)
		r = add_needed(&needed, &recorded, err);
	items = needed.items;
	free(recorded.items);
	if (r == 0 && !dry_run)
		r = commit_prune(policy, err);
	if (r == 0)
		r = store_gc(store, &needed, dry_run, report, ctx, &out->store, err);
	if (r == 0)
		r = remove_layers(&ids, planned, dry_run, out, err);
	return r < 0 || dry_run ? r : sweep_temporary(err);
}
